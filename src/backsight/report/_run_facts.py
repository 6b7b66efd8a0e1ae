"""What a page lists of a run: its settings, where it comes from, and texts that it wrote."""

import time
from typing import Any

from backsight.report._numbers import number
from backsight.report._summary import samples
from backsight.signals import Run

__all__ = ["provenance_rows", "setting_rows", "text_samples"]


def setting_rows(run: Run) -> list[tuple[str, str]]:
    """Name and value of each setting.

    Example:
        >>> from backsight.report import setting_rows
        >>> from backsight.signals import Recorder, Run
        >>> Recorder("runs/mine", config={"seq_len": 25, "clip": None}).close()
        >>> setting_rows(Run("runs/mine"))
        [('seq len', '25'), ('clip', '–')]
    """
    return _rows(run.info.get("config", {}))


def provenance_rows(run: Run) -> list[tuple[str, str]]:
    """Command, time, revision, versions and machine.

    Example:
        >>> from backsight.report import provenance_rows
        >>> from backsight.signals import Recorder, Run
        >>> Recorder("runs/mine").close()
        >>> [name for name, _ in provenance_rows(Run("runs/mine"))][:3]
        ['command', 'began', 'git revision']
    """
    info = run.info
    git = info.get("git") or {}
    changed = " with uncommitted changes" if git.get("dirty") else ""
    return _rows(
        {
            "command": info.get("command"),
            "began": time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(info["created"])),
            "git revision": f"{git['revision'][:12]}{changed}" if git else None,
            **{f"{name} version": v for name, v in info.get("versions", {}).items()},
            **info.get("machine", {}),
        }
    )


def text_samples(run: Run) -> list[tuple[int, str, float | None]]:
    """The first, a middle and the last text that the model wrote: enough to see it learn.

    Example:
        >>> from backsight.report import text_samples
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.event("sample", 9, {"text": "to be", "temperature": 0.7})
        >>> text_samples(Run("runs/mine"))
        [(10, 'to be', 0.7)]
    """
    written = samples(run)
    return [written[i] for i in sorted({0, len(written) // 2, len(written) - 1})] if written else []


def _rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), _cell(value)) for key, value in content.items()]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)
