"""BKS208: of a training that broke out, the gate whose weights left their usual pace first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, in_all, short

__all__ = ["GrewFirst"]

KEPT = 9
"""Gradient norms, whose median is the usual one."""


class _First(NamedTuple):
    """Where it began."""

    iteration: int
    name: str
    """Of the gate; of the layer, where its gates grew alike; empty where several layers did."""
    growth: float
    moved: float
    next: float
    """The growth of the next one."""


@dataclass
class GrewFirst(Rule):
    """One gate's weights ran ahead of all others, and then training broke out."""

    code: ClassVar[str] = "BKS208"
    title: ClassVar[str] = "what grew first"
    severity: ClassVar = "info"
    reads: ClassVar = ("gate_growth",)
    optional_signals: ClassVar = ("gate_moved", "grad_norm", "loss")
    lasting: ClassVar[bool] = False
    explanation: ClassVar[str] = (
        "Gradient or loss broke out, and before that the weights of one gate of one layer moved "
        "much faster than they usually do, while those of the others did not. The others follow "
        "within a few iterations, so that the end of a run no longer shows where it began."
    )
    criterion: ClassVar[str] = (
        "The gradient norm is above {breaks:g} times its usual value, or the loss is more than "
        "{wild:g} times its usual and its initial value above its usual value, or either is not "
        "finite. Within {within:.0f} iterations before, the first iteration is looked up in which "
        "the weights of a gate had moved by more than {times:g} times what is usual, and by more "
        "than {least:g} of their norm. Of several such gates, one must be ahead of the others by a "
        "factor of {ahead:g} in both. If it is ahead of those of other layers but not of the other "
        "gates of its own, only the layer is named. If several layers grew alike, nothing is said."
    )
    causes: ClassVar = (
        "a learning rate that is too high for that layer or its group of parameters",
        "weights that something else than the optimizer changes",
        "a gate that is unstable by its initialisation",
    )
    remedies: ClassVar = (
        "look at what is special about these weights: group, learning rate, initialisation",
        remedy("lower the learning rate of their group by a factor of 3 to 10", lr=-1),
        "clip the gradient of each tensor by its own history (--guard adagc,skip,rollback)",
    )
    source: ClassVar[str] = "Backsight (benchmarks/diagnosis/grew_first.py)"

    times: float = 5.0
    """Noise moves weights by less."""
    least: float = 0.03
    """What hardly moves harms nothing."""
    ahead: float = 2.0
    """Less may be chance."""
    breaks: float = 10.0
    """Times the usual gradient: healthy training mostly stays below."""
    wild: float = 10.0
    """As the guard has it for a loss that is out of line."""
    within: float = 64
    """Iterations: what lies longer ago need not have to do with it."""
    _gradients: Recent = field(default_factory=lambda: Recent(KEPT), init=False, repr=False)
    _first: _First | None = field(default=None, init=False, repr=False)
    _seen: int = field(default=-1, init=False, repr=False)
    """When anything last grew, or stood out."""

    @property
    def requirement(self) -> Requirement:
        """Until it is known what is usual."""
        return self.require(3, "sample", "of gate_growth")

    def _update(self, now: Sample) -> None:
        growth, moved = now.numbers("gate_growth"), now.numbers("gate_moved")
        if not growth:
            return
        gradient = next(iter(in_all(now, "grad_norm").values()), None)
        if self.finite(now.label, *growth.values()):
            self.usable("")
            self.ready = self.ready or self._usable[""] >= 3
        if self._seen >= 0 and now.iteration - self._seen > self.within:
            self._first, self._seen = None, -1
        grown = {
            name: times
            for name, times in growth.items()
            if times > self.times and moved.get(name, 0.0) > self.least
        }
        broken = self._broken(now, gradient)
        if grown and self._first is None:
            self._first = self._of(now.iteration, grown, growth, moved)
        elif broken and self._first is None:  # what grows from now on is not the first
            self._first = _First(now.iteration, "", math.nan, math.nan, math.nan)
        if grown or broken:
            self._seen = now.iteration
        elif gradient is not None and self._first is None:
            self._gradients.add(gradient)
        if broken and self._first is not None and self._first.name and self.ready:
            self._tell(now, broken, self._first)

    def _broken(self, now: Sample, gradient: float | None) -> str:
        """In which way training has broken out, in words; empty where it has not."""
        course = now.courses.get(now.label)
        if course is not None and not math.isfinite(course.value):
            return f"the loss is {course.value}"
        if gradient is not None and not math.isfinite(gradient):
            return f"the gradient norm is {gradient}"
        usual = self._gradients.median
        if gradient is not None and len(self._gradients) >= 3 and gradient > self.breaks * usual:
            return f"the gradient norm is {short(gradient / usual)} times its usual value"
        if course is not None and course.settled:
            level = course.usual.median
            if course.value - level > self.wild * max(abs(course.three), abs(level)):
                return f"the loss is {short(course.value)}, and its usual value is {short(level)}"
        return ""

    def _of(
        self,
        iteration: int,
        grown: Mapping[str, float],
        growth: Mapping[str, float],
        moved: Mapping[str, float],
    ) -> _First:
        """Which of those that have grown is ahead of the others."""
        best = max(grown, key=lambda name: grown[name])
        layer = best.rpartition(".")[0]
        alike = [
            name
            for name, times in grown.items()
            if name != best
            and (times * self.ahead > grown[best] or moved[name] * self.ahead > moved[best])
        ]
        strangers = [n for n in alike if not layer or n.rpartition(".")[0] != layer]
        name = "" if strangers else (layer if alike else best)
        others = (t for n, t in growth.items() if n != best and math.isfinite(t))
        return _First(iteration, name, grown[best], moved[best], max(others, default=0.0))

    def _tell(self, now: Sample, broken: str, first: _First) -> None:
        before = now.iteration - first.iteration
        many = "iteration" if before == 1 else "iterations"
        when = f"{before:,} {many} later" if before else "in the same iteration"
        self.found(
            first.name,
            now.iteration,
            f"the weights of {first.name} grew first: by iteration {first.iteration:,} they had "
            f"moved by {short(first.moved)} of their norm, {short(first.growth)} times as far as "
            f"usual; {when}, {broken}",
            {
                "began": first.iteration, "iterations before": before, "moved": first.moved,
                "times usual": first.growth, "next one": first.next,
            },
            signals=tuple(
                f"gate_growth/{name}"
                for name in now.numbers("gate_growth")
                if name == first.name or name.startswith(f"{first.name}.")
            ),
        )  # fmt: skip
