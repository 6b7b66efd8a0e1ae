"""Transformers: a callback for ``Trainer``, and for the trainers of TRL that are built on it."""

import copy
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Unpack

from backsight.integrations._harmless import harmless, harmless_begin
from backsight.integrations._headlines import Shown, label_of, newest_of
from backsight.integrations._needs import require

require("transformers", extra="transformers", at_least="4.42")

from transformers import TrainerCallback  # noqa: E402
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK  # noqa: E402
from transformers.trainer_callback import CallbackHandler, ExportableState  # noqa: E402

from backsight.guard import Policy  # noqa: E402
from backsight.integrations._session import Session, WatchOptions  # noqa: E402
from backsight.signals import Run  # noqa: E402

__all__ = ["BacksightCallback"]

_log = logging.getLogger("backsight")

RESTORES = "restore_callback_states_from_checkpoint"

SHOWN = 12
"""Numbers that a line of the trainer's log takes; of more layers, it has the reach alone."""


class BacksightCallback(TrainerCallback, ExportableState):  # type: ignore[misc, unused-ignore]
    """Records what ``Trainer`` trains, one iteration for each of its steps.

    Whenever the trainer logs, the newest numbers are in its ``logs``, in ``log_history``, and, each
    at the step it belongs to, in whatever ``report_to`` names. The run goes on with
    ``resume_from_checkpoint``: ``trainer_state.json`` says where it stood. A guard then begins
    anew, as its snapshots are no JSON.

    Args:
        run: the folder to create, ``runs/<model>-<number>`` by default.
        guard: policies, by their names (``"safe"``, ``"clip=1,skip"``) or as objects; by default
            none acts.
        options: those of :func:`backsight.watch`, such as ``every=100``.

    Raises:
        SettingError: there is no such option or policy.

    Example:
        >>> import torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments
        >>> from backsight.integrations.transformers import BacksightCallback
        >>> size = dict(vocab_size=16, n_positions=12, n_embd=8, n_layer=1, n_head=1)
        >>> model = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
        >>> tokens = [{"input_ids": row, "labels": row} for row in torch.randint(16, (8, 12))]
        >>> quiet = dict(save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True)
        >>> arguments = TrainingArguments("trained", max_steps=3, logging_steps=5, **quiet)
        >>> callback = BacksightCallback("runs/mine", every=1)
        >>> trainer = Trainer(model, arguments, train_dataset=tokens, callbacks=[callback])
        >>> result = trainer.train()  # doctest: +ELLIPSIS
        {'train_runtime': ...
        >>> callback.run.iterations
        3
    """

    def __init__(
        self,
        run: Path | str | None = None,
        *,
        guard: str | Iterable[Policy] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        super().__init__()
        self._session = Session(run, guard=guard, options=options, library="transformers")
        given = {"run": None if run is None else str(run), "guard": guard, **options}
        self._given = {name: value for name, value in given.items() if _is_json(value)}
        self.not_restored = sorted(given.keys() - self._given.keys())
        """Arguments that ``restore_callback_states_from_checkpoint`` cannot give back."""
        self.saved: dict[str, Any] = {}
        self._reporters: Sequence[Any] = ()
        self._shown = Shown()

    @property
    def run(self) -> Run | None:
        """Of the training under way, or of the last one; None where this process recorded none."""
        return self._session.run

    # -- what the trainer calls ------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """For ``trainer_state.json``: where the run stands."""
        watch = self._session.state_dict().get("watch", {})
        saved = {"watch": watch} if watch else {}
        return {
            "args": self._given,
            "attributes": {"saved": saved, "not_restored": self.not_restored},
        }

    @harmless_begin
    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None,
        **_: Any,
    ) -> None:  # fmt: skip
        """Begin, or go on from the checkpoint that the trainer has read."""
        # A checkpoint from before there was this callback has no place for it, which the trainer
        # takes for granted when it writes the next one.
        stored = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        stored = stored[0] if isinstance(stored, list) else stored
        if state.global_step:
            self._session.load_state_dict(stored.get("attributes", {}).get("saved", {}))
            if getattr(args, RESTORES, False) and self.not_restored:
                _log.warning(
                    "backsight: the callback is without %s, which trainer_state.json cannot hold: "
                    "leave %s out, the run goes on without it",
                    ", ".join(self.not_restored),
                    RESTORES,
                )
        self._reporters = _reporters()
        self._shown = Shown()
        self._session.begin(model, [optimizer], step=state.global_step)

    @harmless
    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **others: Any
    ) -> None:
        """Add the newest numbers to what is logged, and the codes of new findings."""
        if logs is None or self._session.monitor is None:
            return
        if "train_runtime" in logs:  # the last one: reporters close before ``on_train_end``
            self._session.end()
        self._session.settle()
        rows = self._session.rows()
        for step, values in newest_of(rows):
            at = copy.copy(state)
            at.global_step = step
            for reporter in self._reporters:
                reporter.on_log(args, at, control, logs=dict(values), **others)
        shown = _shown(self._shown.row) if self._shown.take(rows) else {}
        found = self._session.found()
        if found:
            shown = {**shown, "backsight/findings": found}
        logs.update(shown)
        if state.log_history and state.log_history[-1].get("step") == state.global_step:
            state.log_history[-1].update(shown)

    @harmless
    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End."""
        self._session.end()
        self._reporters = ()


def _reporters() -> list[Any]:
    """Callbacks of ``report_to``, which get a log before ours adds to it.

    The trainer hands on neither itself nor its list of callbacks: the handler that calls has it.
    """
    kinds = tuple(INTEGRATION_TO_CALLBACK.values())
    frame = sys._getframe(2)
    for _ in range(4):
        handler = frame.f_locals.get("self")
        if isinstance(handler, CallbackHandler):
            return [one for one in handler.callbacks if isinstance(one, kinds)]
        if frame.f_back is None:
            break
        frame = frame.f_back
    return []


def _shown(row: dict[str, float]) -> dict[str, Any]:
    """Of many layers, a line has the reach alone, or nothing of them."""
    for start in ("", "backsight/horizon/", "backsight/grad_norm"):
        found = {name: value for name, value in row.items() if name.startswith(start)}
        if len(found) <= SHOWN:
            break
    labels = {label for name in found if (label := label_of(name)) is not None}
    return found | {label: row[label] for label in sorted(labels) if label in row}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
