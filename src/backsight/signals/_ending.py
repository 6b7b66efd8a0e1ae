"""Why a run ended, as data: the words of ``end_reason`` in ``run.json``.

``status`` says whether a run came to its end as it was meant to, ``reason`` tells a reader in a
sentence why it did not, and ``end_reason`` is what a program decides by. It is None while the run
is written, and stays None where the writer was killed.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from backsight.errors import GuardError
from backsight.signals._secrets import hide_in_text

__all__ = ["END_REASONS", "EndReason", "end_reason_of", "former_end_reason", "words_of"]

EndReason = Literal["completed", "interrupted", "guard_gave_up", "error", "abandoned"]
"""
=============  =================================================================================
completed      the training ran to its end
interrupted    it was asked to stop: Ctrl-C, SIGTERM, or the ``stop`` of a training of the lab
guard_gave_up  a guard reached its limit: a result, on the last good weights
error          an exception ended it, or the program's own exit with a status other than 0
abandoned      the process ended without closing the run
=============  =================================================================================
"""

STOPPED = (129, 130, 143)
"""Exit statuses by which a program says that SIGHUP, SIGINT or SIGTERM has stopped it: 128 and the
signal's number, as shells count."""

END_REASONS: tuple[EndReason, ...] = get_args(EndReason)


def end_reason_of(error: BaseException | None) -> EndReason:
    """The word for what ended a training; None where nothing but its end did."""
    if error is None or (isinstance(error, SystemExit) and _is_fine(error)):
        return "completed"
    if isinstance(error, GuardError):
        return "guard_gave_up"
    if isinstance(error, SystemExit) and type(error.code) is int:
        return "interrupted" if error.code in STOPPED else "error"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "error"


def words_of(error: BaseException) -> str:
    """An error as a reason: its kind and text, without secrets, whatever its own text raises."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the script's own code
        text = ""
    return hide_in_text(f"{type(error).__name__}: {text}".rstrip(": "))


def _is_fine(leaving: SystemExit) -> bool:
    """Whether Python takes it for success: no code, or the whole number 0."""
    code = leaving.code
    return code is None or (isinstance(code, int) and int(code) == 0)


def former_end_reason(content: Mapping[str, Any]) -> EndReason | None:
    """``end_reason`` of a run that was written before there was one.

    Such a ``run.json`` holds the status and a sentence, and nothing else to tell by: this is the
    one place that recognises the sentences that were written then.
    """
    status, reason = content.get("status"), str(content.get("reason") or "")
    if status == "finished":
        return "interrupted" if reason.startswith("stopped by the user") else "completed"
    if status != "failed":
        return None
    if reason.startswith(("the guard has ", "GuardError: ")):
        return "guard_gave_up"
    if reason.startswith("KeyboardInterrupt"):
        return "interrupted"
    if reason == "the process ended without closing the run":
        return "abandoned"
    return "error"
