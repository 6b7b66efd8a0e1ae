"""BKS206: what usually comes before the loss goes: states that grow, then gradients that do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._finding import Verdict
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, short
from backsight.diagnosis._stretch import Column, Stretch
from backsight.diagnosis.rules._rise import NEWEST, RiseTracker
from backsight.diagnosis.stability import LossHistory

__all__ = ["Precursor"]


@dataclass
class Precursor(Rule):
    """Hidden states and gradient grow together while the loss is still as usual."""

    code: ClassVar[str] = "BKS206"
    title: ClassVar[str] = "instability precursor"
    severity: ClassVar = "warning"
    reads: ClassVar = ("grad_norm", "hidden_norm_mean")
    optional_signals: ClassVar = ("loss",)
    judges_rate: ClassVar[bool] = True
    begins_anew: ClassVar = "loss"
    leads_to: ClassVar = (
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
    )
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
        "losses lies less than {pays:g} of the initial loss below the median of the last 50, nor "
        "does that of the last 5, by {drop:g} robust standard deviations and as much, "
        "because states and gradients also grow where learning takes off. Where hidden-state norms "
        "are recorded less often than in every iteration, the medians are those of as many "
        "recorded values. Without hidden-state norms (a loop over cells), the gradient alone must "
        "grow by a factor of {alone:g}. It is an info since the gradient is back where it was, "
        "within {back:g} iterations, if the loss is as usual by then."
    )
    causes: ClassVar = (
        "a recurrent matrix whose spectral radius has grown past 1",
        "a learning rate that is too high for this phase of training",
        "an unbounded activation (ReLU) with an identity initialisation",
    )
    remedies: ClassVar = (
        remedy("lower the learning rate by a factor of 2 to 3 now", lr=-1),
        "clip the gradient norm at about the median of the healthy part of the run",
        "penalise or cap the spectral radius of the recurrent matrix",
    )
    studied_remedies: ClassVar = ("lr-third", "lr-fit", "clip", "omega", "spectral")
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
    drop: float = 2.0
    """Robust standard deviations of the loss: noise takes a median of five as low once in 1,000."""
    alone: float = 30.0
    """What the gradient has to show by itself."""
    past: float = 100
    """Iterations that say what is usual."""
    back: float = 50
    """Iterations: later, what is usual has risen itself."""
    _gradients: dict[str, RiseTracker] = field(default_factory=dict, init=False, repr=False)
    _states: dict[str, RiseTracker] = field(default_factory=dict, init=False, repr=False)
    _regained: set[str] = field(default_factory=set, init=False, repr=False)
    """Members whose loss was as usual when the gradient was back."""
    _broken: set[str] = field(default_factory=set, init=False, repr=False)
    """Those whose loss was not finite."""
    _grown: dict[str, tuple[int, float]] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """What is usual, and the newest values."""
        of = "with a loss and a grad_norm above zero"
        return self.require(int(self.past) + NEWEST, "iteration", of)

    def verdict(self) -> Verdict:
        """As of any rule; a warning that nothing has come of is a note."""
        for finding in self.findings.values():
            lasted = math.inf if finding.resolved_at is None else finding.resolved_at
            unharmed = "lead" not in finding.outcome or finding.module in self._regained
            over = lasted - finding.iteration <= self.back and unharmed
            finding.severity = "info" if over else self.severity
        return super().verdict()

    def _update(self, now: Sample) -> None:
        for layer, value in now.numbers("hidden_norm_mean").items():
            rise = self._states.setdefault(layer, RiseTracker(int(self.past)))
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
            rise = self._gradients.setdefault(member, RiseTracker(int(self.past)))
            rise.add(gradient)
            if gradient > 0:
                self.usable(member)
            if math.isnan(rise.height):
                continue
            self.ready = True
            if rise.height < math.log(self.gradient) / 2:
                self._is_over(member, now.iteration, course)
            elif rise.height > math.log(self.gradient) and rise.sigmas > self.sigmas:
                self._consider(member, now, rise)

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; singly where the gradient has grown, or a warning may come true."""
        if self._is_silent(stretch):
            self._pass_over(stretch)
            return
        grown = self._grown_states(stretch)
        if grown is None or not self.ready or not self._is_calm(stretch):
            super().update_many(stretch)
            return
        self._grown |= grown
        for column in stretch.scalars("hidden_norm_mean"):
            self._states[column.member].add_many(column.numbers)
        for column in self._gradients_of(stretch):
            rise, member = self._gradients[column.member], column.member
            self.note_finite(member, bool(column.finite[-1]))
            at = column.at[column.finite]
            heights = rise.heights(column.numbers)[column.finite]
            low = np.flatnonzero(heights < math.log(self.gradient) / 2)
            rise.add_many(column.numbers)
            if low.size:
                place = int(at[low[0]])
                self._is_over(member, int(stretch.iterations[place]), stretch.course(member, place))

    def _is_silent(self, stretch: Stretch) -> bool:
        """Whether nothing is finite, nor stands above its past, nor is there a warning."""
        columns = stretch.scalars("grad_norm") + stretch.scalars("hidden_norm_mean")
        return not (
            any(column.finite.any() for column in columns)
            or any(rise.height > math.log(self.hidden) for rise in self._states.values())
            or any(finding.resolved_at is None for finding in self.findings.values())
        )

    def _pass_over(self, stretch: Stretch) -> None:
        """What a stretch without any number leaves behind."""
        if not self.ready:
            self._tally_many(stretch)
        for column in stretch.scalars("hidden_norm_mean"):
            self._states.setdefault(column.member, RiseTracker(int(self.past)))
        for column in self._gradients_of(stretch):
            if stretch.course(column.member, int(column.at[-1])) is not None:
                self._off.add(column.member)

    def _grown_states(self, stretch: Stretch) -> dict[str, tuple[int, float]] | None:
        """The last time in the stretch that each layer's states had grown; None if unknown."""
        grown = {}
        for column in stretch.scalars("hidden_norm_mean"):
            rise = self._states.get(column.member)
            if rise is None or not rise.full:
                return None
            hits = rise.places_above(column.numbers, math.log(self.hidden), self.sigmas)
            if hits.size:
                height = float(rise.heights(column.numbers[: hits[-1] + 1])[-1])
                at = int(stretch.iterations[column.at[hits[-1]]])
                grown[column.member] = at, math.exp(height)
        return grown

    def _is_calm(self, stretch: Stretch) -> bool:
        """Whether no gradient has grown, and no warning may come true in the stretch."""
        for column in self._gradients_of(stretch):
            rise, finding = self._gradients.get(column.member), self.findings.get(column.member)
            told = finding is None or finding.resolved_at is not None or "lead" in finding.outcome
            if rise is None or not rise.full or not told:
                return False
            if rise.places_above(column.numbers, math.log(self.gradient), self.sigmas).size:
                return False
        return True

    def _gradients_of(self, stretch: Stretch) -> list[Column]:
        """The gradient of each model with a loss."""
        return [c for c in stretch.scalars("grad_norm") if c.member in stretch.courses]

    def _is_over(self, member: str, iteration: int, course: LossHistory | None) -> None:
        """The gradient is back; whether the loss is, too: it may have gone for a moment."""
        finding = self.findings.get(member)
        if finding is None or finding.resolved_at is not None:
            return
        self._regained.discard(member)
        if course is not None and member not in self._broken:
            highest = course.usual.median + self.calm * _spread(course)
            self._regained |= {member} if _newest(course) <= highest else set()
        self.resolve(member, iteration)

    def _consider(self, member: str, now: Sample, rise: RiseTracker) -> None:
        """The gradient has risen: have the states, and is the loss as usual?"""
        course = now.courses[member]
        spread = _spread(course)
        if not course.value <= course.usual.median + self.calm * spread:
            return  # the loss has gone: too late for a warning
        if course.usual.median - course.level > self.pays * abs(course.began):
            return  # it comes down fast
        newest = _newest(course)
        if course.usual.median - newest > max(self.pays * abs(course.began), self.drop * spread):
            return  # it has just begun to
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
        course = now.courses[member]
        if not math.isfinite(loss) or loss > course.usual.median + 2 * self.calm * _spread(course):
            finding.outcome = {"lead": now.iteration - finding.iteration}
            if not math.isfinite(loss):
                self._broken.add(member)


def _spread(course: LossHistory) -> float:
    return max(course.usual.spread, 0.02 * abs(course.usual.median))


def _newest(course: LossHistory) -> float:
    return float(np.median([*course.usual.last(NEWEST - 1), course.value]))
