"""BKS105: steps that are unrolled and teach nothing."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, of_module, percent
from backsight.signals import reach_cut, reach_horizon

__all__ = ["WastedWindow"]


@dataclass
class WastedWindow(Rule):
    """A window that is much longer than the gradient reaches: cost, not sickness."""

    code: ClassVar[str] = "BKS105"
    title: ClassVar[str] = "wasted window"
    severity: ClassVar = "info"
    reads: ClassVar = ("reach",)
    explanation: ClassVar[str] = (
        "The run spends time and memory on steps whose states get less than 1 % of the gradient. "
        "With a loss at every step, a model learns the same from a shorter window. This is not a "
        "fault of the training."
    )
    criterion: ClassVar[str] = (
        "The share of the window beyond the horizon (1 − horizon / window) is above {share:g}, as "
        "a median of {samples:.0f} samples."
    )
    causes: ClassVar = ("a window that is longer than this cell remembers",)
    remedies: ClassVar = (
        "shorten the window to about twice the horizon",
        "or extend the reach with orthogonal initialisation, a GRU or an LSTM",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Backsight"

    share: float = 0.5
    """Half of the window."""
    samples: float = 5
    """Whose median counts."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The samples of its median."""
        of = "of reach in which a gradient arrives uncut"
        return self.require(int(self.samples), "sample", of)

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            far = reach_horizon(row)
            if not self.finite(layer, row) or not row.any():
                continue
            if far is None or len(row) < 3 or reach_cut(row) is not None:
                continue
            recent = self._recent.setdefault(layer, Recent(int(self.samples)))
            recent.add(1 - far.steps / (len(row) - 1))
            self.usable(layer)
            if not recent.full:
                continue
            self.ready = True
            if recent.median <= self.share:
                self.resolve(layer, now.iteration)
                continue
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} is below 1 % over {percent(recent.median)} of "
                f"the {len(row) - 1} steps back from the loss",
                {"share wasted": recent.median, "window": len(row) - 1},
                signals=(f"reach/{layer}",),
            )
