"""BS207: steps that grow against the weights, long before the loss goes."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, short
from backsight.diagnosis.rules._updates import MIDDLE, matrices, middle_of

__all__ = ["GrowingSteps"]


@dataclass
class GrowingSteps(Rule):
    """In healthy training they become smaller; these have turned round."""

    code: ClassVar[str] = "BS207"
    title: ClassVar[str] = "steps grow"
    severity: ClassVar = "warning"
    reads: ClassVar = ("update_ratio",)
    meaning: ClassVar[str] = (
        "Steps become smaller against the weights as training goes on: weights grow, gradients "
        "shrink. Here they have become larger again, and are large: training is on its way to "
        "the edge where a step undoes what the last ones learned. The loss often still falls."
    )
    decided: ClassVar[str] = (
        "‖Δθ‖/‖θ‖, its median over weight matrices and over {samples:.0f} samples, is above "
        "{ratio:g} and {times:g} times the lowest that this median has been in the run."
    )
    causes: ClassVar = (
        "a learning rate that rises: a warm-up to too high a rate, a schedule with a wrong sign",
        "gradients that grow: a recurrent matrix on its way to exploding",
        "momentum that builds up",
        "weight decay that eats the weights",
    )
    remedies: ClassVar = (
        "look at the learning rate's curve; end its rise where the ratio passes 0.01",
        "lower the learning rate by 2 to 3 now",
        "clip the gradient's norm at about its median while it was healthy",
    )
    source: ClassVar[str] = (
        "Backsight: in the labelled runs collapses came 20 to 200 iterations later "
        "(benchmarks/detection.py); a common aim is 1e-3"
    )

    times: float = 3.0
    """Noise moves a median of five by less than twice; a rate that restarts, by more."""
    ratio: float = 0.02
    """Growth far below that is a warm-up: healthy steps are about a thousandth."""
    samples: float = 5
    """Whose median counts."""
    _recent: Recent | None = field(default=None, init=False, repr=False)
    _lowest: float = field(default=0.0, init=False, repr=False)
    """Of the medians; 0 while there is none."""

    def _see(self, now: Sample) -> None:
        ratios = matrices(now)
        if not ratios or not self.finite(now.label, *ratios.values()):
            return
        self._recent = self._recent or Recent(int(self.samples))
        self._recent.add(middle_of(ratios))
        if not self._recent.full:
            return
        self.ready = True
        level = self._recent.median
        if level > 0 and (level < self._lowest or not self._lowest):
            self._lowest = level  # weights that rest say nothing of steps
        if level <= max(self.ratio, self.times * self._lowest):
            self.over(now.label, now.iteration)
            return
        self.found(
            now.label,
            now.iteration,
            f"a step moves {MIDDLE} by more than {short(level)} of their norm, "
            f"{short(level / self._lowest)} times the least it has been",
            {"update ratio": level, "lowest": self._lowest, "times": level / self._lowest},
            signals=tuple(f"update_ratio/{name}" for name in ratios),
        )
