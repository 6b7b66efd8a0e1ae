"""How far a study is, for whoever looks at its folder: ``progress.json``."""

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from backsight.errors import RunError
from backsight.signals import FORMAT, process_identity, read_object, write_json

__all__ = ["PROGRESS", "Progress", "end_progress", "write_progress"]

PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is."""

    total: int
    done: int
    """Of these; what has failed is done, too, unless the study will try it again."""
    unit: Literal["trial", "network"]
    left: float | None
    """Seconds that the rest may take; None until something can be said of it."""
    more: bool = False
    """Whether more may have to be trained, which only the results tell."""


def write_progress(folder: Path, progress: Progress) -> None:
    """Tell how far this process is; a study goes on where that cannot be written."""
    told = {**asdict(progress), "at": time.time(), "ended": False, "writer": process_identity()}
    _write(folder, told)


def end_progress(folder: Path) -> None:
    """Tell that nothing is left to do."""
    with suppress(OSError, RunError):  # there is none: nothing was trained
        _write(folder, {**read_object(folder / PROGRESS), "ended": True, "writer": None})


def _write(folder: Path, told: dict[str, Any]) -> None:
    with suppress(OSError):
        write_json(folder / PROGRESS, {"format": FORMAT, **told})
