"""What a trial of a remedy came to."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from backsight.signals import Run
from backsight.studies._folder import StudyFolder
from backsight.studies._result import TrialOutcome, read_result
from backsight.studies._runs import read_row

__all__ = ["RemedyTrial", "read_remedy_trial", "trial_name"]


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """One training in numbers.

    Example:
        >>> from backsight.studies import RemedyTrial
        >>> RemedyTrial("clip", seed=0, outcome="not finite", loss=float("nan")).score
        inf
    """

    remedy: str
    """Whose settings it had: of the random fix, the one that was drawn."""
    seed: int
    """Counted from the run's own."""
    outcome: TrialOutcome
    reason: str = ""
    timed_out: bool = False
    """Whether it was stopped because it had not finished in time."""
    loss: float | None = None
    """Validation loss at the end, else the median of the last tenth of the training losses; None
    where there is no result. NaN and infinity stay what they are."""
    sequence_error: float | None = None
    """Share of held-out sequences that are answered wrong, in a task that has some."""
    findings: tuple[str, ...] = ()
    """Codes of what lasts."""

    @property
    def score(self) -> float | None:
        """What effects are taken of: the loss, infinite where it is not finite."""
        if self.loss is None:
            return None
        return self.loss if math.isfinite(self.loss) else math.inf

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return asdict(self)


def trial_name(remedy: str, seed: int) -> str:
    """Of its run folder: ``orthogonal-seed0``."""
    return f"{remedy}-seed{seed}"


def read_remedy_trial(place: StudyFolder, remedy: str, seed: int, *, script: bool) -> RemedyTrial:
    """A trial's row; one that died, or was not run, has one as well."""
    row, failure = read_row(
        place, trial_name(remedy, seed), lambda run: _row(remedy, seed, run), script=script
    )
    if row is not None and failure is None:
        return row
    assert failure is not None
    return RemedyTrial(remedy, seed, **asdict(failure))


def _row(remedy: str, seed: int, run: Run) -> RemedyTrial:
    found = read_result(run)
    wrong = run.members("val_sequence_error", profile=False)
    return RemedyTrial(
        remedy,
        seed,
        found.outcome,
        found.reason,
        loss=found.loss,
        sequence_error=float(run[wrong[0]][-1]) if wrong else None,
        findings=found.findings,
    )
