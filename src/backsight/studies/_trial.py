"""A trial, how it ends, and what an engine does: it runs command lines and says how each ended."""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backsight.errors import RunError
from backsight.signals import open_regular

__all__ = ["Ended", "Engine", "Trial", "last_words"]

TAIL = 1 << 16
"""Bytes at the end of a log in which the last line is looked for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a command line that makes one folder.

    Example:
        >>> import sys
        >>> from pathlib import Path
        >>> from backsight.studies import Trial
        >>> command = (sys.executable, "-m", "backsight", "train", "echo", "--run", "runs/echo")
        >>> trial = Trial("echo-seed0", command, run=Path("runs/echo"), log=Path("echo.txt"))
        >>> trial.name, trial.command[-2:]
        ('echo-seed0', ('--run', 'runs/echo'))
    """

    name: str
    """Unique in its study; that of its folder."""
    command: tuple[str, ...]
    """Words to execute, the program first."""
    run: Path
    """The folder it makes, or goes on with; as it stands among the words."""
    log: Path
    """Where what it prints goes, appended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended.

    Example:
        >>> from backsight.studies import Ended, StudyFolder
        >>> from pathlib import Path
        >>> folder = StudyFolder(Path("runs/study"))
        >>> folder.begin({"kind": "length"})
        >>> folder.note(Ended("rnn-10-seed0", status=0, seconds=12.5))
        >>> folder.seconds
        12.5
    """

    name: str
    status: int
    """Exit status; negative, as of ``subprocess``, where a signal ended it."""
    seconds: float
    timeout: float | None = None
    """The seconds that it was allowed, where it was stopped because it had not finished."""

    @property
    def failed(self) -> bool:
        """Whether it was stopped, or said itself that it failed."""
        return self.status != 0 or self.timeout is not None


class Engine(Protocol):
    """Runs trials."""

    workers: int
    """How many run at once."""

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """Run them in order, as many at once as there is room for.

        A trial that dies is one that ended; the others go on. Closing the iterator, as an
        exception in the loop over it does, asks what still runs to end and waits for it.
        """


def last_words(log: Path, ended: Ended) -> str:
    """How a trial ended, and the last line that it printed."""
    if ended.timeout is not None:
        how = f"did not finish within {ended.timeout:g} s and was stopped"
    elif ended.status < 0:
        how = f"ended by signal {-ended.status}"
    else:
        how = f"exit status {ended.status}"
    try:
        with open_regular(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            lines = file.read(TAIL).decode(errors="replace").splitlines()
    except (OSError, RunError):
        lines = []
    # What `backsight run` says after a script's own traceback is ours.
    said = [line.strip() for line in lines if line.strip()]
    own = [line for line in said if not line.startswith("backsight: ")]
    last = (own or said)[-1] if said else "it printed nothing"
    return f"{how}: {last[:300]}"
