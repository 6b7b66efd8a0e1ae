"""BKS405: steps that are far too small for the weights."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Severity
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, short
from backsight.diagnosis.rules._updates import MIDDLE, matrices, middle_of

__all__ = ["SmallUpdates"]


@dataclass
class SmallUpdates(Rule):
    """The weights hardly move, and the loss does not."""

    code: ClassVar[str] = "BKS405"
    title: ClassVar[str] = "updates too small"
    severity: ClassVar = "warning"
    reads: ClassVar = ("update_ratio",)
    optional_signals: ClassVar = ("guess_loss",)
    judges_rate: ClassVar[bool] = True
    judges_objective: ClassVar[bool] = True
    leads_to: ClassVar = ("BKS302",)
    forbids: ClassVar = {"lr": -1}
    explanation: ClassVar[str] = (
        "The steps are so small relative to the weights that the model cannot learn in any "
        "practical number of iterations."
    )
    criterion: ClassVar[str] = (
        "After {patience:.0f} iterations, the median of ‖Δθ‖/‖θ‖ over weight matrices and over "
        "{samples:.0f} samples is below {ratio:g}, and the loss has not fallen; or, after "
        "{late:.0f} losses, it is below {slight:g}, which is a note unless not even the best "
        "constant answer was learned: the loss is above that (guess_loss) by a fraction of "
        "{above:g} or more. Steps that stay as small end it once the loss has fallen by more than "
        "{creeps:g} of where it began, or to {done:g} of that."
    )
    causes: ClassVar = (
        "a learning rate that is far too small, or a schedule that has ended",
        "a clipping threshold far below the usual gradient norm",
        "tiny gradients, from a loss in the wrong unit or from saturated units",
    )
    remedies: ClassVar = (
        remedy("raise the learning rate by a factor of 10 to 100", lr=1),
        "use Adam, which adapts its step size",
    )
    studied_remedies: ClassVar = ("lr-tenfold",)
    source: ClassVar[str] = "DeepDiagnosis: 1e-5; SageMaker Debugger: 1e-8"

    ratio: float = 3e-5
    """A hundredth of the common aim, and less."""
    samples: float = 5
    """Whose median counts."""
    slight: float = 1e-4
    """A tenth of the common aim."""
    late: float = 400
    """Losses in which a bias alone learns a constant."""
    above: float = 0.25
    """Of the loss of the best constant answer."""
    patience: float = 100
    """A warm-up is longer, but then some steps are larger."""
    creeps: float = 0.1
    """The answers' frequencies alone are worth as much."""
    done: float = 1e-3
    """Of where the loss began: no noise comes so low, however much there is of it at first, and
    little is left to move for."""
    _recent: Recent | None = field(default=None, init=False, repr=False)

    _guess: float = field(default=math.nan, init=False, repr=False)
    """Of the best constant answer, the newest loss."""

    @property
    def requirement(self) -> Requirement:
        """The samples of its median, after all its patience."""
        of = "of update_ratio of a weight matrix"
        return self.require(int(self.samples), "sample", of, losses=self.patience)

    def _update(self, now: Sample) -> None:
        ratios = matrices(now)
        course = now.courses.get(now.label)
        if not ratios or course is None or not self.finite("", *ratios.values()):
            return
        self._recent = self._recent or Recent(int(self.samples))
        self._recent.add(middle_of(ratios))
        self._guess = now.numbers("guess_loss").get(now.label, self._guess)
        self.usable("")
        if not self._recent.full or course.count < self.patience:
            return
        self.ready = True
        tiny = self._recent.median < self.ratio
        late = course.count >= self.late and not course.learned
        small = tiny or (late and self._recent.median < self.slight)
        if small and course.learned and course.fallen <= self.creeps * abs(course.began):
            return  # neither: it creeps
        done = 0 <= course.level <= self.done * course.began
        if not small or course.learned or done:
            self.resolve(now.label, now.iteration)
            return
        ratio = self._recent.median
        moves = f"moves {MIDDLE} by less than {short(ratio)} of their norm"
        known = self._guess + self.above * abs(self._guess)
        severity: Severity = self.severity if tiny or course.deep > known else "info"
        one = self.found(
            now.label,
            now.iteration,
            f"a step {moves if ratio else f'does not move {MIDDLE}'}, and the loss has not fallen "
            f"in {course.count:,} iterations",
            {"update ratio": self._recent.median, "loss level": course.level},
            signals=tuple(f"update_ratio/{name}" for name in ratios),
            severity=severity,
        )
        if severity != "info" and one.severity == "info":
            self.raised.append((now.iteration, one))
            one.severity = severity
