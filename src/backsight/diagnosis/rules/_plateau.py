"""BKS303: nothing has been gained for a long time."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._rule import Rule, Sample, named, short

__all__ = ["Plateau"]


@dataclass
class Plateau(Rule):
    """It had learned, and has stopped."""

    code: ClassVar[str] = "BKS303"
    title: ClassVar[str] = "plateau"
    severity: ClassVar = "info"
    reads: ClassVar = ("loss",)
    explanation: ClassVar[str] = (
        "The loss came down and has not improved for a long time: it has converged, or waits for a "
        "smaller learning rate."
    )
    criterion: ClassVar[str] = (
        "The best level (median of 20 losses) is older than {share:g} of the run and than "
        "{patience:.0f} losses."
    )
    causes: ClassVar = (
        "the task is learned as far as this model can",
        "a learning rate that is too high for the bottom of the valley",
        "what is left lies further back than the gradient reaches",
    )
    remedies: ClassVar = (
        "lower the learning rate by 3 to 10",
        "stop, if the validation loss has stopped too",
        "look at the usable context and at the reach",
    )
    studied_remedies: ClassVar = ("lr-third", "lr-tenth")
    source: ClassVar[str] = "Backsight"

    share: float = 0.5
    """Of the iterations so far."""
    patience: float = 500
    """Iterations."""

    def _update(self, now: Sample) -> None:
        for member in now.numbers("loss"):
            course = now.courses[member]
            if not self.finite(member, course.value) or not course.settled:
                continue
            waited = course.count - course.best_count
            long = waited >= max(self.patience, self.share * course.count)
            if not (long and course.learned and course.lost < 0.5):
                self.ready = self.ready or course.count >= self.patience
                self.resolve(member, now.iteration)
                continue
            self.ready = True
            self.found(
                member,
                now.iteration,
                f"the loss was at its best, {short(course.best)}, at iteration {course.best_at:,}, "
                f"{waited:,} losses ago",
                {"best": course.best, "best at": course.best_at, "level": course.level},
                signals=(named("loss", member),),
            )
