"""BKS206: what usually comes before the loss goes: states that grow, then gradients that do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, short

__all__ = ["Precursor"]

NEWEST = 5
"""Values whose median is held against what was before."""


class _Rise:
    """Whether a positive signal has risen above its own past, on a log scale.

    The past has to be full: the first iterations are all unusual.
    """

    def __init__(self, past: int) -> None:
        self._past = Recent(past)
        self._new = Recent(NEWEST)

    def add(self, value: float) -> None:
        """One more; what leaves the newest ones becomes past."""
        if not (math.isfinite(value) and value > 0):
            return
        if self._new.full:
            self._past.add(self._new.oldest_first[0])
        self._new.add(math.log(value))

    @property
    def height(self) -> float:
        """How far above the past the newest values are, as a natural logarithm; NaN too early."""
        return self._new.median - self._past.median if self._past.full else math.nan

    @property
    def sigmas(self) -> float:
        """The same in robust standard deviations; the dearer question."""
        return self.height / max(self._past.spread, 0.02)

    @property
    def level(self) -> float:
        """Of the newest values."""
        return math.exp(self._new.median)


@dataclass
class Precursor(Rule):
    """Hidden states and gradient grow together while the loss is still as usual."""

    code: ClassVar[str] = "BKS206"
    title: ClassVar[str] = "instability precursor"
    severity: ClassVar = "warning"
    reads: ClassVar = ("grad_norm", "hidden_norm_mean")
    optional_signals: ClassVar = ("loss",)
    explanation: ClassVar[str] = (
        "The norm of the hidden states has grown, and after it the norm of the gradient, while the "
        "loss has not moved yet. This usually precedes a spike or NaN."
    )
    criterion: ClassVar[str] = (
        "The median of the last 5 gradient norms is more than {gradient:g} times the median of the "
        "{past:.0f} before them, and its logarithm lies more than {sigmas:g} robust standard "
        "deviations above theirs. The same holds for the hidden-state norm of a layer with a "
        "factor of {hidden:g}, at most {together:.0f} iterations earlier. The loss is within "
        "{calm:g} robust standard deviations of its usual level, and the median of the last 20 "
        "losses lies less than {pays:g} of the initial loss below the median of the last 50, "
        "because states and gradients also grow where learning takes off. Without hidden-state "
        "norms (a loop over cells), the gradient alone must grow by a factor of {alone:g}."
    )
    causes: ClassVar = (
        "a recurrent matrix whose spectral radius has grown past 1",
        "a learning rate that is too high for this phase of training",
        "an unbounded activation (ReLU) with an identity initialisation",
    )
    remedies: ClassVar = (
        "lower the learning rate by a factor of 2 to 3 now",
        "clip the gradient norm at about the median of the healthy part of the run",
        "penalise or cap the spectral radius of the recurrent matrix",
    )
    studied_remedies: ClassVar = ("lr-third", "clip", "omega", "spectral")
    source: ClassVar[str] = "Backsight; no published early warning covers recurrent networks"

    gradient: float = 4.0
    """Times the usual norm: healthy training moves by less within 100 iterations."""
    hidden: float = 1.2
    """The same of the states, which move less."""
    sigmas: float = 4.0
    """Of the logarithm."""
    together: float = 30
    """Iterations between the two."""
    calm: float = 6.0
    """Robust standard deviations of the loss."""
    pays: float = 0.025
    """Of where the loss began: more, and what grows is learning."""
    alone: float = 30.0
    """What the gradient has to show by itself."""
    past: float = 100
    """Iterations that say what is usual."""
    _gradients: dict[str, _Rise] = field(default_factory=dict, init=False, repr=False)
    _states: dict[str, _Rise] = field(default_factory=dict, init=False, repr=False)
    _grown: dict[str, tuple[int, float]] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """What is usual, and the newest values."""
        of = "with a loss and a grad_norm above zero"
        return self.require(int(self.past) + NEWEST, "iteration", of)

    def _update(self, now: Sample) -> None:
        for layer, value in now.numbers("hidden_norm_mean").items():
            rise = self._states.setdefault(layer, _Rise(int(self.past)))
            rise.add(value)
            if rise.height > math.log(self.hidden) and rise.sigmas > self.sigmas:
                self._grown[layer] = now.iteration, math.exp(rise.height)
        for member, course in now.courses.items():
            gradient = now.numbers("grad_norm").get(member)
            if gradient is None:
                continue
            self._come_of(member, now, course.value)
            if not self.finite(member, gradient):
                continue
            rise = self._gradients.setdefault(member, _Rise(int(self.past)))
            rise.add(gradient)
            if gradient > 0:
                self.usable(member)
            if math.isnan(rise.height):
                continue
            self.ready = True
            if rise.height < math.log(self.gradient) / 2:
                self.resolve(member, now.iteration)
            elif rise.height > math.log(self.gradient) and rise.sigmas > self.sigmas:
                self._consider(member, now, rise)

    def _consider(self, member: str, now: Sample, rise: _Rise) -> None:
        """The gradient has risen: have the states, and is the loss as usual?"""
        course = now.courses[member]
        spread = max(course.usual.spread, 0.02 * abs(course.usual.median))
        if not course.value <= course.usual.median + self.calm * spread:
            return  # the loss has gone: too late for a warning
        if course.usual.median - course.level > self.pays * abs(course.began):
            return  # it comes down fast
        if course.lost > 0.5 or course.level > course.start + abs(course.start):
            return  # it had gone before, and stands where it fell
        layers = {
            layer: times
            for layer, (at, times) in self._grown.items()
            if now.iteration - at <= self.together
        }
        alone = not self._states and rise.height > math.log(self.alone)
        if layers or alone:
            self._tell(member, now.iteration, math.exp(rise.height), rise.level, layers)

    def _tell(
        self, member: str, iteration: int, times: float, level: float, layers: Mapping[str, float]
    ) -> None:
        states = ", ".join(f"{layer or 'the layer'} ×{short(x)}" for layer, x in layers.items())
        self.found(
            member,
            iteration,
            f"the gradient norm is {short(level)}, {short(times)} times its usual value"
            + (f", after the hidden-state norm grew ({states})" if states else "")
            + "; the loss has not moved yet",
            {"gradient times usual": times, "gradient norm": level}
            | {f"hidden norm times usual, {layer or 'layer'}": x for layer, x in layers.items()},
            signals=(named("grad_norm", member), *(f"hidden_norm_mean/{x}" for x in layers)),
        )

    def _come_of(self, member: str, now: Sample, loss: float) -> None:
        """What the warning was worth: how many iterations later the loss went."""
        finding = self.findings.get(member)
        if finding is None or finding.resolved_at is not None or "lead" in finding.outcome:
            return
        usual = now.courses[member].usual
        spread = max(usual.spread, 0.02 * abs(usual.median))
        if not math.isfinite(loss) or loss > usual.median + 2 * self.calm * spread:
            finding.outcome = {"lead": now.iteration - finding.iteration}
