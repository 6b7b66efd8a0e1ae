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


@dataclass
class _Growth:
    """One gate that runs ahead of itself."""

    began: int
    growth: float
    moved: float
    """Both when it began."""
    rest: float
    """The growth of the next one then."""
    last: int
    """When it was last seen so."""
    most: float


class _First(NamedTuple):
    """Where it began."""

    name: str
    """Of the gate; of the layer, where its gates grew alike."""
    growth: _Growth


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
        "gates of its own, only the layer is named. If several layers grew alike, nothing is said. "
        "A gate that has come to rest is passed over if one that began later grew {ahead:g} times "
        "as much."
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
    _growing: dict[str, _Growth] = field(default_factory=dict, init=False, repr=False)
    _over: int = field(default=-1, init=False, repr=False)
    """When training was last seen broken out, without anything that had grown before it."""

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
        self._growing = {
            name: one
            for name, one in self._growing.items()
            if now.iteration - one.last <= self.within
        }
        if self._over >= 0 and now.iteration - self._over > self.within:
            self._over = -1
        broken = self._broken(now, gradient)
        if self._over < 0:  # else it is no origin, but what follows
            self._look(now.iteration, growth, moved)
        if broken and not self._growing:
            self._over = now.iteration
        elif not broken and gradient is not None and not self._growing and self._over < 0:
            self._gradients.add(gradient)
        first = self._first() if broken and self.ready else None
        if first is not None:
            self._tell(now, broken, first)

    def _look(
        self, iteration: int, growth: Mapping[str, float], moved: Mapping[str, float]
    ) -> None:
        """Who grows in this iteration."""
        for name, times in growth.items():
            if not (times > self.times and moved.get(name, 0.0) > self.least):
                continue
            known = self._growing.get(name)
            if known is None:
                others = (t for n, t in growth.items() if n != name and math.isfinite(t))
                rest = max(others, default=0.0)
                one = _Growth(iteration, times, moved[name], rest, iteration, times)
                self._growing[name] = one
            else:
                known.last, known.most = iteration, max(known.most, times)

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

    def _first(self) -> _First | None:
        """Which gate was ahead of the others; None where that cannot be told."""
        alive = {
            name: one
            for name, one in self._growing.items()
            if not any(  # it had come to rest, and then something much larger began
                other.began > one.last and other.most > self.ahead * one.most
                for other in self._growing.values()
            )
        }
        if not alive:
            return None
        began = min(one.began for one in alive.values())
        same = {name: one for name, one in alive.items() if one.began == began}
        best = max(same, key=lambda name: same[name].growth)
        layer, it = best.rpartition(".")[0], same[best]
        alike = [
            name
            for name, one in same.items()
            if name != best
            and (one.growth * self.ahead > it.growth or one.moved * self.ahead > it.moved)
        ]
        if any(not layer or name.rpartition(".")[0] != layer for name in alike):
            return None
        return _First(layer if alike else best, it)

    def _tell(self, now: Sample, broken: str, first: _First) -> None:
        one, before = first.growth, now.iteration - first.growth.began
        many = "iteration" if before == 1 else "iterations"
        when = f"{before:,} {many} later" if before else "in the same iteration"
        self.found(
            first.name,
            now.iteration,
            f"the weights of {first.name} grew first: by iteration {one.began:,} they had "
            f"moved by {short(one.moved)} of their norm, {short(one.growth)} times as far as "
            f"usual; {when}, {broken}",
            {
                "began": one.began, "iterations before": before, "moved": one.moved,
                "times usual": one.growth, "next one": one.rest,
            },
            signals=tuple(
                f"gate_growth/{name}"
                for name in now.numbers("gate_growth")
                if name == first.name or name.startswith(f"{first.name}.")
            ),
        )  # fmt: skip
