"""BKS304: a forecast that is as good as repeating the newest value."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, short
from backsight.diagnosis.stability import LossHistory

__all__ = ["PreviousValue"]


@dataclass
class PreviousValue(Rule):
    """What it predicts is what it has just read."""

    code: ClassVar[str] = "BKS304"
    title: ClassVar[str] = "predicts the previous value"
    severity: ClassVar = "info"
    cause: ClassVar[bool] = True
    leads_to: ClassVar = ("BKS101", "BKS105", "BKS301", "BKS302", "BKS303")
    reads: ClassVar = ("persistence_loss",)
    optional_signals: ClassVar = ("drift_loss", "increment_correlation", "loss")
    judges_objective: ClassVar[bool] = True
    explanation: ClassVar[str] = (
        "The model forecasts the next value of a series, and its loss is that of repeating the "
        "newest one. Plotted over time, such a forecast looks good: it is the series, a step late. "
        "If the series is a random walk, whose increments do not depend on its past, no forecast "
        "from the series alone is better. That increments are not correlated does not prove that: "
        "those of a chaotic series may not be either."
    )
    criterion: ClassVar[str] = (
        "The median of the last 50 losses is within {share:g} of persistence_loss, in "
        "{samples:.0f} samples of it in a row, after 40 losses; or it is above that, and still is "
        "after {patience:.0f} losses; or, after {late:.0f}, it is nearer to it than to drift_loss, "
        "which adds a constant share of the last increment and takes no network. The series is "
        "compared to a random walk if successive increments correlate by at most {walk:g}, two "
        "standard errors included."
    )
    causes: ClassVar = (
        "a random walk, as prices are nearly: its increments cannot be predicted from the series",
        "noise that is larger than what can be predicted, or steps that are too short for a change",
        "a model that has learned the easiest part first",
    )
    remedies: ClassVar = (
        "compare with the persistence forecast, not with zero or the mean",
        "predict the increment x[t + 1] - x[t], scaled to unit variance, or several steps ahead",
        "train longer, if the increments are correlated",
    )
    source: ClassVar[str] = "persistence forecast, as in meteorology; Backsight for the bounds"

    share: float = 0.03
    """Of the loss of persistence."""
    samples: float = 2
    """In a row: a loss that falls passes by."""
    patience: float = 200
    """Losses, for a forecast that has not come to as little yet."""
    late: float = 400
    """Losses after which a network is better than one number that is fitted in its place."""
    gain: float = 0.25
    """Of the loss of persistence: a constant that gains less is no line to hold a network to."""
    walk: float = 0.15
    """A forecast from the last increment alone gains its square, which is less than ``share``."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _slow: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so."""
        return self.require(
            self.samples, "sample", "of persistence_loss", losses=LossHistory.SETTLED
        )

    def _update(self, now: Sample) -> None:
        for member, repeated in now.numbers("persistence_loss").items():
            course = now.courses.get(member)
            if course is None or not self.finite(member, repeated):
                continue
            level = course.usual.median
            near = abs(level - repeated) <= self.share * abs(repeated)
            near = near or level > repeated
            drift = now.numbers("drift_loss").get(member, repeated)
            slow = drift <= (1 - self.gain) * repeated and level > (repeated + drift) / 2
            self._slow[member] = self._slow.get(member, 0) + 1 if slow or near else 0
            late = course.count >= self.late and self._slow[member] >= self.samples
            self._row[member] = self._row.get(member, 0) + 1 if near else 0
            self.usable(member)
            if not course.settled:
                continue
            if not near and not late:
                self.ready = True
                self.resolve(member, now.iteration)
                continue
            patient = course.count >= self.patience or level <= repeated * (1 + self.share)
            if not late and (self._row[member] < self.samples or not patient):
                continue
            self.ready = True
            correlation = now.numbers("increment_correlation").get(member, 1.0)
            message = (
                f"the loss is at {short(level)}; repeating the newest value gives {short(repeated)}"
            )
            if slow:
                message += f", and adding a constant share of the last increment {short(drift)}"
            if correlation <= self.walk:
                message += (
                    "; successive increments are not correlated, as in a random walk: no linear "
                    "forecast from the last increment is better"
                )
            self.found(
                member, now.iteration, message,
                {"level": level, "persistence": repeated, "correlation": correlation},
                signals=(named("loss", member), named("persistence_loss", member)),
            )  # fmt: skip
