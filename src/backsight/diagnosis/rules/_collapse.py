"""BKS204: what was learned is lost, and does not come back."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Sample, named, percent, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.rules._loss_rule import LossRule, in_a_row
from backsight.diagnosis.stability import SLOW, HistoryStretch, LossHistory, learning_bar

__all__ = ["Collapse"]


@dataclass
class Collapse(LossRule):
    """It had learned, and stands near where it began."""

    code: ClassVar[str] = "BKS204"
    title: ClassVar[str] = "collapse"
    severity: ClassVar = "error"
    reads: ClassVar = ("loss",)
    explodes: ClassVar[bool] = True
    judges_objective: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "loss"
    leads_to: ClassVar = (
        "BKS101",
        "BKS104",
        "BKS105",
        "BKS202",
        "BKS302",
        "BKS303",
        "BKS402",
        "BKS405",
    )
    explanation: ClassVar[str] = (
        "The model had learned, then lost most of what it had learned, and does not recover. Its "
        "state is usually saturated or silent by then, so no gradient passes back through it."
    )
    criterion: ClassVar[str] = (
        "The loss had fallen by more than {least:g} of its initial level. The median of the last "
        "20 losses has since risen by {share:g} of that fall or more, in {patience:.0f} iterations "
        "in a row."
    )
    causes: ClassVar = (
        "one or a few steps that were too large: an unclipped gradient, momentum, Adam after calm",
        "sequences that became longer than the length over which the gradient is stable",
        "a learning rate that rises, or does not decay",
    )
    remedies: ClassVar = (
        remedy("go back to the last good snapshot, with a lower learning rate", lr=-1),
        "clip the gradient norm at about the median of the healthy part of the run",
        remedy(
            "lengthen the sequences more slowly, and only once the reach spans their length",
            window=-1,
        ),
        (
            "add Pascanu's penalty on gradients that shrink or grow from step to step (--guard "
            "safe,omega)"
        ),
        remedy("reduce momentum, or set Adam's beta2 to 0.99", momentum=-1),
    )
    studied_remedies: ClassVar = ("guard", "clip", "curriculum", "omega", "momentum-off")
    source: ClassVar[str] = (
        "Backsight; seen with length curricula on temporal order (Pascanu et al. 2013's task)"
    )

    least: float = SLOW.collapse_least
    """Less is not worth calling learned."""
    share: float = SLOW.collapse_share
    """Of what was learned."""
    patience: float = SLOW.collapse_patience
    """A spike comes back within that."""
    _lost: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)

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
            learned = course.progress
            if learned <= learning_bar(course, self.least):
                continue
            lost = (course.level - course.best) / learned
            if lost < self.share:
                self._lost.pop(member, None)
                if lost < self.share / 2:
                    self.resolve(member, now.iteration)
                continue
            count, since = self._lost.get(member, (0, now.iteration))
            self._lost[member] = count + 1, since
            if count + 1 >= self.patience:
                self._tell(member, now.iteration, since, course)

    def _update_history(self, member: str, history: HistoryStretch, stretch: Stretch) -> None:
        first = history.at(-1)
        learned = np.maximum(first.start - history.best, 0.0)
        places = np.flatnonzero(learned > learning_bar(first, self.least))
        if not places.size:
            return
        at = history.iterations[history.at_finite[places]]
        lost = (history.level[places] - history.best[places]) / learned[places]
        gone = lost >= self.share
        before, began = self._lost.get(member, (0, 0))
        counts, since = in_a_row(gone, before)

        def start(index: int) -> int:
            return began if since[index] < 0 else int(at[since[index]])

        def tell(index: int) -> None:
            course = history.at(int(history.at_finite[places[index]]))
            self._tell(member, int(at[index]), start(index), course)

        hits = counts >= max(1, self.patience)
        self.hit_or_miss(member, at, hits, lost < self.share / 2, tell)
        if gone[-1]:
            self._lost[member] = int(counts[-1]), start(-1)
        else:
            self._lost.pop(member, None)

    def _tell(self, member: str, iteration: int, since: int, course: LossHistory) -> None:
        lost = (course.level - course.best) / course.progress
        self.found(
            member,
            iteration,
            f"the loss fell from {short(course.start)} to {short(course.best)} (iteration "
            f"{course.best_at:,}) and is back at {short(course.level)}: "
            f"{percent(min(lost, 1))} of the improvement is lost",
            {
                "since": since,
                "start": course.start,
                "best": course.best,
                "best at": course.best_at,
                "level": course.level,
                "share lost": lost,
            },
            signals=(named("loss", member),),
        )
