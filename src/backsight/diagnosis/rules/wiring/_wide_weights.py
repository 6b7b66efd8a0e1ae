"""BKS439: weights that were drawn so wide that the first answers are far off."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, short
from backsight.diagnosis.rules._exploding import growth_of
from backsight.diagnosis.stability import LossHistory

__all__ = ["WideWeights"]

RECURRENT = "weight_hh"
"""How PyTorch's layers call the matrix that a state is multiplied by at each step."""


@dataclass
class WideWeights(Rule):
    """``nn.init.normal_(weight)``, whose default deviation is 1."""

    code: ClassVar[str] = "BKS439"
    title: ClassVar[str] = "weights drawn too wide"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("initial_gain", "update_ratio")
    optional_signals: ClassVar = ("guess_loss", "loss", "reach")
    explanation: ClassVar[str] = (
        "A weight matrix of n inputs multiplies the size of what it is given by its deviation "
        "times √n. Where that is far above 1, the first answers are far off, or the units that it "
        "feeds are saturated; the first gradients are as large, and the first steps throw the "
        "model out."
    )
    criterion: ClassVar[str] = (
        "Before the first step, the root mean square of a weight matrix times √n, where n is its "
        "smaller side, is {gain:g} or more; embeddings do not count. And within {patience:.0f} "
        "losses, one is not finite; or the first losses are {far:g} times that of the best "
        "constant answer or more; or after as many losses, their level has not fallen. Or "
        "{late:.0f} losses were never below that of the best constant answer. Or a recurrent "
        "matrix began at {recurrent:g} or more, and in the first {samples:.0f} samples the "
        "gradient grows by more than {times:g} on its way back through time (see BKS102)."
    )
    causes: ClassVar = (
        "torch.randn without a factor, or nn.init.normal_ with its default deviation of 1",
        "an initialisation for embeddings, applied to all parameters",
    )
    remedies: ClassVar = (
        "leave the weights as PyTorch's layers initialise them, or use nn.init.xavier_uniform_",
        "divide what was drawn by √n, n the number of inputs: torch.randn(n, m) / n**0.5",
    )
    source: ClassVar[str] = "Glorot & Bengio 2010; LeCun, Bottou, Orr and Müller 1998"

    gain: float = 5
    """Weights of deviation 1 have it from 25 inputs on."""
    patience: float = 150
    far: float = 3
    late: float = 300
    """Losses, after which a network knows more than a constant, or little of it is at work."""
    better: float = 0.05
    """Of the loss of the best constant answer, by which one is below it."""
    recurrent: float = 2
    """Of a matrix that multiplies again and again: 0.6 is PyTorch's, and some begin beyond 1 so
    that a long memory is there from the start."""
    times: float = 100
    samples: float = 3
    _looks: int = field(default=0, init=False, repr=False)
    """At gradients through time, as long as all have grown."""
    _gains: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _wide: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Recurrent ones."""
    _seen: bool = field(default=False, init=False, repr=False)
    """Whether any gain is known."""
    _start: float = field(default=0.0, init=False, repr=False)
    """The first losses, as far as they were seen."""
    _told: set[str] = field(default_factory=set, init=False, repr=False)
    _guess: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """One that is not wide; or, beside wide ones, what becomes of the loss."""
        return self.require(
            1, "sample", "of initial_gain, or of update_ratio after one", losses=self.patience,
            sooner=(1, "no initial_gain is that wide"),
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for name, gain in now.numbers("initial_gain").items():
            if self.finite(name, gain):
                self._seen = True
                if name.rpartition(".")[2].startswith(RECURRENT) and gain >= self.recurrent:
                    self._wide[name] = gain
                if gain >= self.gain:
                    self._gains[name] = gain
                elif not self._gains:
                    self.ready = True
        self._look_back(now)
        if self._seen:
            self.usable("")
        for where, guess in now.numbers("guess_loss").items():
            self._guess[where] = guess
        course = now.courses.get(now.label)
        if not self._gains or course is None or self._told:
            return
        self._start = max(self._start, course.three)
        why = self._trouble(course, self._guess.get(now.label))
        if course.count >= self.patience:
            self.ready = True
        if why:
            self.ready = True
            for name, gain in self._gains.items():
                self._tell(name, gain, why, now)

    def _look_back(self, now: Sample) -> None:
        """Whether gradients explode through time from the first sample on."""
        if not self._wide:
            return
        rows = {
            layer: row for layer, row in now.rows("reach").items() if len(row) > 2 and row.any()
        }
        if not rows:
            return
        largest = max((growth_of(layer, row) for layer, row in rows.items()), key=_known)
        if not largest > self.times:
            self._wide = {}
            return
        self._looks += 1
        if self._looks >= self.samples:
            self.ready = True
            for name, gain in self._wide.items():
                why = f"the gradient grows by a factor of {short(largest)} through time"
                self._tell(name, gain, why, now)
            self._wide = {}

    def _tell(self, name: str, gain: float, why: str, now: Sample) -> None:
        self._told.add(name)
        self.found(
            name,
            now.iteration,
            f"{name} began {short(gain)} times as wide as an orthogonal matrix, and {why}",
            {"gain": gain, "since": 0.0},
            signals=(named("initial_gain", name),),
        )

    def _trouble(self, course: LossHistory, guess: float | None) -> str:
        """What came of it; nothing where all went well."""
        if course.broken and course.count < self.patience:
            return "the loss is not finite soon after"
        if guess is not None and 0 < self.far * guess <= self._start:
            return (
                f"the first losses were at {short(self._start)}, where the best constant answer "
                f"has {short(guess)}"
            )
        if course.count >= self.patience and not course.learned:
            return f"the loss has not fallen in {course.count:,} iterations"
        if guess is not None and course.count >= self.late and guess > 0:
            stuck = course.deep > (1 - self.better) * guess
            return f"nothing but a constant was learned in {course.count:,} iterations" * stuck
        return ""


def _known(growth: float) -> float:
    return -math.inf if math.isnan(growth) else growth
