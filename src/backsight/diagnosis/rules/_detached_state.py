"""BKS401: the graph ends at a state that was detached."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, of_module
from backsight.signals import measure_reach

__all__ = ["DetachedState"]


@dataclass
class DetachedState(Rule):
    """Not vanishing: cut."""

    code: ClassVar[str] = "BKS401"
    title: ClassVar[str] = "state detached"
    severity: ClassVar = "error"
    reads: ClassVar = ("reach",)
    optional_signals: ClassVar = ("graph_end", "saturation", "hidden_norm")
    leads_to: ClassVar = (
        "BKS101",
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
    )
    explanation: ClassVar[str] = (
        "Beyond a certain lag the gradient is exactly zero, although the steps before it belong to "
        "the same backward pass: the graph is cut there."
    )
    criterion: ClassVar[str] = (
        "R(k) is exactly 0 beyond a lag without having faded before, and the graph ends at this "
        "lag, in {samples:.0f} samples in a row. Zeros on the way of a graph that goes on do not "
        "count: saturated and silent units pass no gradient either. The graph of an embedded input "
        "cannot be asked, so the rule reports nothing about it. In a run of an earlier version, "
        "which did not record where the graph ends, the lag or the step of the window must stay "
        "the same, and samples with saturated or silent units do not count."
    )
    causes: ClassVar = (
        "state.detach(), .data or torch.no_grad() inside the loop over a sequence",
        "a state that passes through NumPy, .item() or a new tensor",
        "deliberate truncated backpropagation with one backward call for several windows",
    )
    remedies: ClassVar = (
        "find where the state leaves the graph; detach only between windows, after backward",
        "if the truncation is deliberate, call backward once per window",
    )
    source: ClassVar[str] = "Backsight; a frequent question about truncated backpropagation"

    samples: float = 3
    """In a row: a batch may happen to be silent."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _place: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)
    """Where it was cut last, in steps back and in steps from the beginning."""

    @property
    def requirement(self) -> Requirement:
        """In a row, where there is a cut."""
        return self.require(
            self.samples, "sample", "of reach in a row, cut at the same place",
            sooner=(1, "the gradient is not cut") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            if not self.finite(layer, row) or len(row) < 2 or not row.any():
                continue
            cut = measure_reach(row).cut
            end = now.numbers("graph_end").get(layer)
            if cut is not None and (_flat(now, layer) if end is None else end < 0):
                continue
            if cut is None or (end is not None and cut != end):
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            self._row[layer] = self._row.get(layer, 0) + 1
            if end is None and not self._same_place(layer, cut, len(row)):
                self._row[layer] = 1
            self.usable(layer, self._row[layer])
            if self._row[layer] < self.samples:
                continue
            self.ready = True
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} is exactly zero from lag {cut + 1} on, of "
                f"{len(row) - 1} earlier steps: the state is detached there",
                {"last lag with a gradient": cut, "lags": len(row)},
                signals=(f"reach/{layer}",),
            )

    def _same_place(self, layer: str, cut: int, lags: int) -> bool:
        """Whether it was cut there before, in steps back or in steps from the beginning."""
        place = cut, lags - cut
        before = self._place.get(layer, place)
        self._place[layer] = place
        return place[0] == before[0] or place[1] == before[1]


def _flat(now: Sample, layer: str) -> bool:
    """Whether the units are where the slope is exactly zero: no gradient passes, uncut as it is."""
    saturated = now.numbers("saturation").get(layer, 0.0)
    states = now.rows("hidden_norm").get(layer)
    return saturated > 0.9 or (states is not None and not bool(np.all(states)))
