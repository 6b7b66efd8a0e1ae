"""What an engine does: it runs command lines, each on its own, and says how each ended."""

import math
import os
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backsight.errors import SettingError

__all__ = ["Ended", "Engine", "Trial", "make_engine"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a command line that makes one run folder."""

    name: str
    """Unique in its study; that of its folder."""
    command: tuple[str, ...]
    """Words to execute, the program first."""
    run: Path
    """The run folder it makes, or goes on with; as it stands among the words."""
    log: Path
    """Where what it prints goes, appended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended."""

    name: str
    status: int
    """Exit status; negative, as of ``subprocess``, where a signal ended it."""
    seconds: float


class Engine(Protocol):
    """Runs trials."""

    workers: int
    """How many run at once."""

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """Run them in order, as many at once as there is room for.

        A trial that dies is one that ended; the others go on. Closing the iterator, as an
        exception in the loop over it does, asks what still runs to end and waits for it.
        """


def make_engine(words: str, gpus: float = 0.0) -> Engine:
    """The engine that ``--engine`` names.

    Args:
        words: ``local`` or ``local:N``; ``ray`` or ``ray:ADDRESS``.
        gpus: that Ray gives each trial.

    Raises:
        SettingError: there is no such engine, or it cannot be reached.
    """
    kind, given, rest = words.partition(":")
    if not (math.isfinite(gpus) and gpus >= 0):
        raise SettingError(f"--gpus-per-trial must be a number of at least 0, not {gpus}")
    if kind == "ray" and bool(given) == bool(rest):
        from backsight.studies._engine_ray import RayEngine

        return RayEngine(rest, gpus)
    if kind != "local" or (given and not re.fullmatch("[1-9][0-9]*", rest)):
        raise SettingError(
            "--engine expects local, local:N for N processes at once, ray or ray:ADDRESS, not "
            f"{words!r}"
        )
    if gpus:
        raise SettingError(
            "--gpus-per-trial is for --engine ray: here every trial sees the GPUs of "
            "CUDA_VISIBLE_DEVICES, or all"
        )
    from backsight.studies._engine_local import LocalEngine

    return LocalEngine(int(rest) if rest else max(1, os.cpu_count() or 1))
