"""What the trials of any study have in common: whether one is done, and why one failed."""

import shutil
from pathlib import Path

from backsight.errors import RunError
from backsight.signals import Run
from backsight.studies._folder import StudyFolder

__all__ = ["CHECKPOINTS", "gave_up", "has_checkpoint", "is_done", "last_words", "run_at"]

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
    return run.status == "failed" and str(run.info.get("reason")).startswith("the guard has")


def is_done(place: StudyFolder, name: str, *, script: bool) -> bool:
    """Whether there is nothing left to do for a trial; what is of no use is removed.

    Args:
        place: the study's folder.
        name: the trial.
        script: whether it is a script's, which is done when it has ended well and cannot go on.

    Raises:
        RunError: it is being trained by a process that a study which was killed has left.
    """
    path = place.run(name)
    run = run_at(path)
    if run is not None and run.status == "running":
        raise RunError(
            f"{path} is still being trained by process {run.info['writer'].get('pid')}: wait for "
            "it, or end it"
        )
    ended = place.ended.get(name)
    if run is not None and script and run.status == "finished":
        if ended is not None and ended.status == 0:
            return True
    elif run is not None and not script:
        wanted = run.info.get("config", {}).get("iterations", 0)
        if gave_up(run) or (run.status == "finished" and run.iterations >= wanted):
            return True
    goes_on = not script and run is not None and has_checkpoint(path)
    if path.exists() and not goes_on:
        shutil.rmtree(path)
    return False


def last_words(log: Path, status: int) -> str:
    """How a trial ended, and the last thing it said."""
    how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # What `backsight run` says after a script's own traceback is ours.
    said = [line.strip() for line in lines if line.strip()]
    own = [line for line in said if not line.startswith("backsight: ")]
    last = (own or said)[-1] if said else "it said nothing"
    return f"{how}: {last[:300]}"
