"""BKS105: steps that are unrolled and teach almost nothing."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, of_module, percent
from backsight.signals import measure_reach

__all__ = ["WastedWindow"]


@dataclass
class WastedWindow(Rule):
    """A window that is much longer than the gradient reaches: cost, not sickness."""

    code: ClassVar[str] = "BKS105"
    title: ClassVar[str] = "wasted window"
    severity: ClassVar = "info"
    reads: ClassVar = ("reach",)
    optional_signals: ClassVar = ("grad_time", "reach_share")
    explanation: ClassVar[str] = (
        "The run spends time and memory on steps whose states get less than 1 % of the gradient "
        "that the strongest earlier step gets. With a loss at every step, a model learns the same "
        "from a shorter window. This is not a fault of the training."
    )
    criterion: ClassVar[str] = (
        "The share of the earlier steps that lie beyond the horizon is above {share:g}, as a "
        "median of {samples:.0f} samples. With a loss at the last step only, the rule reports "
        "nothing: what the loss needs may lie at the beginning of the sequence, and a shorter "
        "window would leave it out. In such a sample the gradient over time is the reach, read "
        "from the end (to {same:g}). Where sequences have different lengths, the gradient over "
        "time does not show where the loss is taken, and the rule reports nothing."
    )
    causes: ClassVar = ("a window that is longer than this cell remembers",)
    remedies: ClassVar = (
        remedy(
            "with a loss at every step, shorten the window to about twice the horizon", window=-1
        ),
        "or extend the reach: orthogonal initialisation, a GRU or an LSTM in place of a plain "
        "recurrence, or, where there are gates, a forget bias of 1 or more",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Backsight"

    share: float = 0.5
    """Half of the window."""
    samples: float = 5
    """Whose median counts."""
    same: float = 1e-3
    """Of the largest value, where one loss is all there is; half precision keeps no more."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        of = "of reach in which a gradient arrives uncut"
        return self.require(int(self.samples), "sample", of)

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            if not self.finite(layer, row):
                continue
            measures = measure_reach(row)
            if measures.outcome != "ok" or measures.earlier < 2 or measures.cut is not None:
                continue
            recent = self._recent.setdefault(layer, Recent(int(self.samples)))
            recent.add(measures.unreached / measures.earlier)
            self.usable(layer)
            if not recent.full:
                continue
            self.ready = True
            ragged = layer in now.rows("reach_share")
            one_loss = ragged or self._one_loss(row, now.rows("grad_time").get(layer))
            if recent.median <= self.share or one_loss:
                self.resolve(layer, now.iteration)
                continue
            self.found(
                layer,
                now.iteration,
                f"{percent(recent.median)} of the {measures.earlier} earlier steps get less than "
                f"1 % of the gradient{of_module(layer)} that the strongest of them gets",
                {"share wasted": recent.median, "window": measures.earlier},
                signals=(f"reach/{layer}",),
            )

    def _one_loss(self, reach: NDArray[np.floating], time: NDArray[np.floating] | None) -> bool:
        """Whether the gradient over time is that of one position alone, in either direction."""
        if time is None or len(time) != len(reach) or not np.isfinite(time).all():
            return False
        wanted, found = reach / reach.max(), time / (time.max() or 1.0)
        return any(np.abs(one - wanted).max() <= self.same for one in (found, found[::-1]))
