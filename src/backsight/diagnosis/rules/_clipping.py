"""BKS403: clipping acts on nearly every step, and strongly."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, percent, short

__all__ = ["Clipping"]


@dataclass
class Clipping(Rule):
    """The clip has become the learning rate."""

    code: ClassVar[str] = "BKS403"
    title: ClassVar[str] = "clipping always on"
    severity: ClassVar = "warning"
    reads: ClassVar = ("grad_norm_applied",)
    optional_signals: ClassVar = ("grad_norm",)
    explanation: ClassVar[str] = (
        "Clipping is meant for rare steps. Here it shortens nearly every gradient, and by a large "
        "factor, so that all gradients have the same norm. With SGD the threshold then acts as the "
        "learning rate."
    )
    criterion: ClassVar[str] = (
        "At least {share:g} of the last {window:.0f} gradients were shortened, half of them to "
        "less than {factor:g} of their norm."
    )
    causes: ClassVar = (
        "a threshold that was copied from another model",
        "a loss that is a sum instead of a mean",
        "gradients that have grown (see BKS102)",
    )
    remedies: ClassVar = (
        "set the threshold to 1 to 10 times the median of the gradient norm",
        "clip at a quantile of the past gradient norms",
    )
    studied_remedies: ClassVar = ("clip",)
    source: ClassVar[str] = (
        "Pascanu et al. 2013: half to ten times the average norm; shares: Backsight"
    )

    window: float = 100
    """Steps."""
    share: float = 0.95
    """Shortened."""
    factor: float = 0.03
    """With a tenth, orthogonal networks on temporal order still train well; of those that crawl it
    is a hundredth."""
    _factors: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """Pairs of norms."""
        of = "with grad_norm_applied and a grad_norm above zero"
        return self.require(int(self.window), "iteration", of)

    def _update(self, now: Sample) -> None:
        computed = now.numbers("grad_norm")
        for member, applied in now.numbers("grad_norm_applied").items():
            before = computed.get(member, math.nan)
            if member not in computed or not self.finite(member, before, applied) or before <= 0:
                continue
            factors = self._factors.setdefault(member, Recent(int(self.window)))
            factors.add(applied / before)
            self.usable(member)
            if not factors.full:
                continue
            self.ready = True
            # The last of that share, by size, still shortened; 0.999: rounding.
            last = factors.quantile(self.share - 1 / self.window)
            if last >= 0.999 or factors.median >= self.factor:
                if factors.median > 2 * self.factor:
                    self.resolve(member, now.iteration)
                continue
            self.found(
                member,
                now.iteration,
                f"clipping shortened at least {percent(self.share)} of the last {self.window:.0f} "
                f"gradients, half of them to less than {short(factors.median)} of their norm",
                {"median factor": factors.median, "gradient norm": before, "applied": applied},
                signals=(named("grad_norm", member), named("grad_norm_applied", member)),
            )
