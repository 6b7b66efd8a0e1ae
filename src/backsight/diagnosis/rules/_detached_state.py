"""BKS401: the gradient is exactly zero past a lag."""

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
    optional_signals: ClassVar = ("saturation", "hidden_norm")
    explanation: ClassVar[str] = (
        "Beyond a certain lag the gradient is exactly zero, although the steps before it belong to "
        "the same backward pass: the graph is cut there."
    )
    criterion: ClassVar[str] = (
        "R(k) falls from above 1e-20 to exactly 0 and stays there, at the same lag or at the same "
        "step of the window, in {samples:.0f} samples in a row. Samples in which nearly all units "
        "are saturated (their slope is exactly 0) or silent do not count. (Silent ReLU units stop "
        "the gradient as well, but at a different lag each time.)"
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
            if cut is not None and _flat(now, layer):
                continue
            if cut is None:
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            place = cut, len(row) - cut
            before = self._place.get(layer, place)
            self._place[layer] = place
            same = place[0] == before[0] or place[1] == before[1]
            self._row[layer] = self._row.get(layer, 0) + 1 if same else 1
            self.usable(layer, self._row[layer])
            if self._row[layer] < self.samples:
                continue
            self.ready = True
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} is exactly zero beyond {cut} of {len(row) - 1} "
                "steps back: the state is detached there",
                {"last lag with a gradient": cut, "lags": len(row)},
                signals=(f"reach/{layer}",),
            )


def _flat(now: Sample, layer: str) -> bool:
    """Whether the units are where the slope is exactly zero: no gradient passes, uncut as it is."""
    saturated = now.numbers("saturation").get(layer, 0.0)
    states = now.rows("hidden_norm").get(layer)
    return saturated > 0.9 or (states is not None and not bool(np.all(states)))
