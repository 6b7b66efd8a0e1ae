"""What an engine does: it runs command lines, each on its own, and says how each ended."""

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


def make_engine(words: str) -> Engine:
    """The engine that ``--engine`` names: ``local`` or ``local:N``.

    Raises:
        SettingError: there is no such engine.
    """
    from backsight.studies._engine_local import LocalEngine

    kind, _, count = words.partition(":")
    if kind != "local" or (":" in words and not re.fullmatch("[1-9][0-9]*", count)):
        raise SettingError(
            f"--engine expects local or local:N for N processes at once, not {words!r}"
        )
    return LocalEngine(int(count) if count else max(1, os.cpu_count() or 1))
