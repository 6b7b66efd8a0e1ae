"""BKS303: nothing has been gained for a long time."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Sample, named, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.rules._loss_rule import LossRule
from backsight.diagnosis.stability import HistoryStretch, LossHistory

__all__ = ["Plateau"]


@dataclass
class Plateau(LossRule):
    """It had learned, and has stopped."""

    code: ClassVar[str] = "BKS303"
    title: ClassVar[str] = "plateau"
    severity: ClassVar = "info"
    reads: ClassVar = ("loss",)
    judges_objective: ClassVar[bool] = True
    explanation: ClassVar[str] = (
        "The loss fell, and has not improved for a long time: training has converged, or needs a "
        "smaller learning rate."
    )
    criterion: ClassVar[str] = (
        "The loss has fallen, and since its best level (a median of 20 losses) at least "
        "{patience:.0f} losses and {share:g} of the run have passed."
    )
    causes: ClassVar = (
        "a model that has learned as much of the task as it can",
        "a learning rate that is too high to settle in the minimum",
        "structure in the data that lies further back than the gradient reaches",
    )
    remedies: ClassVar = (
        remedy("lower the learning rate by a factor of 3 to 10", lr=-1),
        "stop, if the validation loss no longer falls either",
        "check the usable context and the reach",
    )
    studied_remedies: ClassVar = ("lr-third", "lr-tenth", "lr-fit")
    source: ClassVar[str] = "Backsight"

    share: float = 0.5
    """Of the iterations so far."""
    patience: float = 500
    """Iterations."""

    @property
    def requirement(self) -> Requirement:
        """As long as it has to have stopped."""
        return self.require(max(self.patience, LossHistory.SETTLED), "loss")

    def _update(self, now: Sample) -> None:
        for member in now.numbers("loss"):
            course = now.courses[member]
            if not self.finite(member, course.value):
                continue
            self.usable(member)
            if not course.settled:
                continue
            waited = course.count - course.best_count
            long = waited >= max(self.patience, self.share * course.count)
            if not (long and course.learned and course.lost < 0.5):
                self.ready = self.ready or course.count >= self.patience
                self.resolve(member, now.iteration)
                continue
            self.ready = True
            self._tell(member, now.iteration, course)

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        first = history.at(-1)
        waited = history.count - history.best_count
        long = waited >= np.maximum(self.patience, self.share * history.count)
        learned = first.began - history.deep > max(0.05 * abs(first.began), first.margin)
        progress = np.maximum(first.start - history.best, 0.0)
        there = learned & (progress > 0)
        lost = np.zeros(len(progress))
        np.divide(history.level - history.best, progress, out=lost, where=there)
        hits = long & learned & (lost < 0.5)

        at = history.iterations[history.at_finite]

        def tell(place: int) -> None:
            sample = int(history.at_finite[place])
            self._tell(member, int(history.iterations[sample]), history.at(sample))

        self.hit_or_miss(member, at, hits, ~hits, tell)

    def _tell(self, member: str, iteration: int, course: LossHistory) -> None:
        waited = course.count - course.best_count
        self.found(
            member,
            iteration,
            f"the loss reached its best level, {short(course.best)}, at iteration "
            f"{course.best_at:,} and has not improved in {waited:,} losses since",
            {"best": course.best, "best at": course.best_at, "level": course.level},
            signals=(named("loss", member),),
        )
