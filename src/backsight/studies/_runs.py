"""Trials that are runs: whether one is done, and what there is of one that has no result."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from backsight.errors import RunError
from backsight.signals import Run
from backsight.studies._folder import StudyFolder
from backsight.studies._trial import Ended, last_words

__all__ = [
    "CHECKPOINTS",
    "NoResult",
    "TrialRow",
    "gave_up",
    "has_checkpoint",
    "is_done",
    "read_row",
    "run_at",
]

CHECKPOINTS = "checkpoints"
"""Folder of a run that holds its checkpoints."""


def run_at(path: Path) -> Run | None:
    """A run; None where it cannot be read."""
    try:
        return Run(path)
    except RunError:
        return None


def has_checkpoint(path: Path) -> bool:
    """Whether a run of the lab can go on."""
    return any((path / CHECKPOINTS).glob("*"))


def gave_up(run: Run) -> bool:
    """Whether a guard has ended it: a result, on the last good weights."""
    return run.end_reason == "guard_gave_up"


def is_done(place: StudyFolder, name: str, *, script: bool) -> bool:
    """Whether there is nothing left to do for a trial; what is of no use is removed.

    Args:
        place: the study's folder.
        name: the trial.
        script: whether it is a script's, which cannot go on where it ended.

    Raises:
        RunError: it is being trained by a process that a study which was killed has left.
    """
    path = place.run(name)
    run = run_at(path)
    if run is not None and run.status == "running":
        writer = run.info.get("writer") or {}
        raise RunError(
            f"process {writer.get('pid')} is still training {path}: wait until it ends, or stop it"
        )
    if _has_result(run, place.ended.get(name), script=script):
        return True
    goes_on = not script and run is not None and has_checkpoint(path)
    if path.exists() and not goes_on:
        shutil.rmtree(path)
    return False


def _has_result(run: Run | None, ended: Ended | None, *, script: bool) -> bool:
    """Whether a trial has come to its end, or to where a guard gave it up.

    A script's run says only that its training ended: that it ended well, its exit status says.
    """
    if run is None:
        return False
    if gave_up(run):
        return True
    if run.status != "finished":
        return False
    if script:
        return ended is not None and not ended.failed
    wanted = run.info.get("config", {}).get("iterations", 0)  # a run may hold any settings
    return isinstance(wanted, int) and run.iterations >= wanted


class TrialRow(Protocol):
    """What a trial came to."""

    @property
    def outcome(self) -> str:
        """In a word."""

    @property
    def reason(self) -> str:
        """In words, where that is no result, or an unusual one."""

    @property
    def loss(self) -> float | None:
        """At the end."""


AnyTrialRow = TypeVar("AnyTrialRow", bound=TrialRow)


@dataclass(frozen=True, slots=True)
class NoResult:
    """Why a trial has no result."""

    outcome: Literal["failed", "not run"]
    reason: str
    timed_out: bool = False
    """Whether it was stopped because it had not finished in time."""


def read_row(
    place: StudyFolder, name: str, read: Callable[[Run], AnyTrialRow], *, script: bool
) -> tuple[AnyTrialRow | None, NoResult | None]:
    """A trial's row, and why it counts for nothing; a trial that died may have both.

    Args:
        place: the study's folder.
        name: the trial.
        read: makes a row of a run; may raise a RunError.
        script: whether it is a script's.
    """
    ended, run = place.ended.get(name), run_at(place.run(name))
    if ended is None and not _has_result(run, ended, script=script):
        return None, NoResult("not run", "the trial has not run to its end")
    try:
        row = None if run is None else read(run)
    except RunError as error:
        return None, NoResult("failed", str(error))
    if ended is not None and ended.failed:
        timed_out = ended.timeout is not None
        # A script may well stop itself at a NaN, and a guard may give up: results, no accidents.
        if row is not None and not timed_out and row.outcome in ("not finite", "given up"):
            return row, None
        return row, NoResult("failed", last_words(place.log(name), ended), timed_out)
    if row is not None:
        return row, None
    return row, NoResult("failed", "the trial recorded nothing: it trained no recurrent layer")
