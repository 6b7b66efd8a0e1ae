"""BKS203: the loss rises above where it began, and stays there."""

import math
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import numpy as np

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Sample, named, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import Floats
from backsight.diagnosis.rules._loss_rule import LossRule, in_a_row
from backsight.diagnosis.stability import SLOW, HistoryStretch, LossHistory, divergence_limit

__all__ = ["Divergence"]

Level = TypeVar("Level", float, Floats)


@dataclass
class Divergence(LossRule):
    """Worse than before it began to learn."""

    code: ClassVar[str] = "BKS203"
    title: ClassVar[str] = "divergence"
    severity: ClassVar = "error"
    reads: ClassVar = ("loss",)
    explodes: ClassVar[bool] = True
    judges_objective: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "loss"
    leads_to: ClassVar = (
        "BKS104",
        "BKS202",
        "BKS302",
        "BKS402",
        "BKS405",
    )
    forbids: ClassVar = {"lr": 1}
    explanation: ClassVar[str] = (
        "The loss is above its initial level and stays there: the steps make the model worse."
    )
    criterion: ClassVar[str] = (
        "The median of the last 20 losses exceeds the median of the first 20 by {rise:g} of it and "
        "by {sigmas:g} robust standard deviations, or exceeds ten times the median of the first "
        "three, in {patience:.0f} iterations in a row. Twice the median of the first three is "
        "enough if it is exceeded in {long:.0f} iterations in a row: three losses may be low by "
        "chance."
    )
    causes: ClassVar = (
        "a learning rate that is too high for the optimizer or its momentum",
        "gradients that explode through time without clipping",
        "a wrong sign or reduction in the loss (sum instead of mean)",
    )
    remedies: ClassVar = (
        remedy("lower the learning rate by a factor of 10", lr=-1),
        "clip the gradient norm at about its median",
        remedy("set the momentum to 0 until the loss falls", momentum=-1),
        "start from an orthogonal recurrent matrix, or from a smaller gain",
    )
    studied_remedies: ClassVar = ("lr-tenth", "lr-fit", "clip", "momentum-off", "orthogonal")
    source: ClassVar[str] = "Backsight; outcome classes as in Sohl-Dickstein 2024"

    rise: float = SLOW.divergence_rise
    """Of where it began: chance alone does not go there."""
    sigmas: float = SLOW.divergence_sigmas
    """Of the first 20."""
    patience: float = SLOW.divergence_patience
    """A spike is over by then."""
    long: float = 100
    """The same, where the first 20 losses may have been high already, or the first three low."""
    _above: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """Until its level means anything."""
        return self.require(LossHistory.SETTLED, "loss")

    def _update(self, now: Sample) -> None:
        for member in now.numbers("loss"):
            course = now.courses[member]
            if not self.finite(member, course.value):
                continue
            self.usable(member)
            if not course.settled:
                continue
            self.ready = True
            if course.level <= self._limit(course):
                self._above.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            count, since = self._above.get(member, (0, now.iteration))
            self._above[member] = count + 1, since
            if count + 1 >= (self.patience if self._is_far(course, course.level) else self.long):
                self._tell(member, now.iteration, since, course)

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        at = history.iterations[history.at_finite]
        first = history.at(-1)
        above = history.level > self._limit(first)
        far = self._is_far(first, history.level)
        enough = np.where(far, max(1, self.patience), self.long)
        before, began = self._above.get(member, (0, 0))
        counts, since = in_a_row(above, before)

        def start(place: int) -> int:
            return began if since[place] < 0 else int(at[since[place]])

        def tell(place: int) -> None:
            course = history.at(int(history.at_finite[place]))
            self._tell(member, int(at[place]), start(place), course)

        self.hit_or_miss(member, at, above & (counts >= enough), ~above, tell)
        if above[-1]:
            self._above[member] = int(counts[-1]), start(-1)
        else:
            self._above.pop(member, None)

    def _limit(self, course: LossHistory, times: float = 2) -> float:
        """Above which a level is too high."""
        limit = divergence_limit(course.start, course.noise, rise=self.rise, sigmas=self.sigmas)
        # The first steps may have ruined what the first 20 losses would say.
        return min(limit, times * course.three if course.three > 0 else math.inf)

    def _is_far(self, course: LossHistory, level: Level) -> Level:
        """Whether that is plain, and not a matter of three losses that were low by chance."""
        return level > self._limit(course, times=10)  # type: ignore[return-value]

    def _tell(self, member: str, iteration: int, since: int, course: LossHistory) -> None:
        limit = divergence_limit(course.start, course.noise, rise=self.rise, sigmas=self.sigmas)
        self.found(
            member,
            iteration,
            f"the loss has been above its initial {short(course.start)} since iteration "
            f"{since:,}, and is now {short(course.level)}",
            {"since": since, "level": course.level, "start": course.start, "limit": limit},
            signals=(named("loss", member),),
        )
