"""BKS105: steps that are unrolled and teach nothing."""

from dataclasses import dataclass, field
from typing import ClassVar

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
        "Time and memory go into steps whose states get less than 1 % of the gradient. With a loss "
        "at every step a shorter window would teach the same; it is no fault of the training."
    )
    criterion: ClassVar[str] = (
        "One minus the horizon over the window is above {share:g}, median of {samples:.0f} samples."
    )
    causes: ClassVar = ("the window was chosen longer than this cell remembers",)
    remedies: ClassVar = (
        "shorten the window to about twice the horizon",
        "or make the cell remember further: orthogonal initialisation, a GRU, an LSTM",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Backsight"

    share: float = 0.5
    """Half of the window."""
    samples: float = 5
    """Whose median counts."""
    _recent: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            far = reach_horizon(row)
            if not self.finite(layer, row) or not row.any():
                continue
            if far is None or len(row) < 3 or reach_cut(row) is not None:
                continue
            recent = self._recent.setdefault(layer, Recent(int(self.samples)))
            recent.add(1 - far.steps / (len(row) - 1))
            if not recent.full:
                continue
            self.ready = True
            if recent.median <= self.share:
                self.resolve(layer, now.iteration)
                continue
            self.found(
                layer,
                now.iteration,
                f"{percent(recent.median)} of the {len(row) - 1} steps back from the loss get less "
                f"than 1 % of the gradient{of_module(layer)}",
                {"share wasted": recent.median, "window": len(row) - 1},
                signals=(f"reach/{layer}",),
            )
