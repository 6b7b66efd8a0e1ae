"""What a trial of a remedy came to."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from backsight.errors import RunError
from backsight.signals import Run
from backsight.studies._folder import StudyFolder
from backsight.studies._length_plan import LengthSetting
from backsight.studies._length_row import read_trial
from backsight.studies._trials import gave_up, last_words, run_at

__all__ = ["RemedyTrial", "read_remedy_trial", "trial_name"]


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """One training in numbers."""

    remedy: str
    """Whose settings it had: of the random fix, the one that was drawn."""
    seed: int
    """Counted from the run's own."""
    outcome: str
    """As of a length study's trial; ``given up`` where a guard has ended it."""
    why: str = ""
    loss: float | None = None
    """Validation loss at the end, else the median of the last tenth of the training losses; None
    where there is no result. NaN and infinity stay what they are."""
    wrong: float | None = None
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


def read_remedy_trial(place: StudyFolder, remedy: str, seed: int) -> RemedyTrial:
    """A trial's row; one that died, or was not run, has one as well."""
    name = trial_name(remedy, seed)
    ended, run = place.ended.get(name), run_at(place.run(name))
    if ended is None and (run is None or not (run.status == "finished" or gave_up(run))):
        return RemedyTrial(remedy, seed, "not run", "it has not been run to its end")
    failed = ended is not None and ended.status != 0
    try:
        row = None if run is None else _row(remedy, seed, run)
    except RunError as error:
        return RemedyTrial(remedy, seed, "failed", str(error))
    # A script may well stop itself at a NaN: that is a result, not an accident.
    if row is not None and (not failed or row.outcome in ("not finite", "given up")):
        return row
    why = (
        last_words(place.log(ended.name), ended.status)
        if ended and failed
        else "it recorded nothing"
    )
    return RemedyTrial(remedy, seed, "failed", why)


def _row(remedy: str, seed: int, run: Run) -> RemedyTrial:
    found = read_trial(LengthSetting("", 0, seed), run, 1)
    wrong = run.members("val_sequence_error", profile=False)
    ended = gave_up(run)
    return RemedyTrial(
        remedy,
        seed,
        "given up" if ended and found.outcome != "not finite" else found.outcome,
        str(run.info["reason"]) if ended else found.why,
        found.loss,
        float(run[wrong[0]][-1]) if wrong else None,
        found.findings,
    )
