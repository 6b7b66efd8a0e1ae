"""BKS102: the gradient grows on its way back."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._rule import Rule, Sample, named, of_module, short

__all__ = ["Exploding"]


@dataclass
class Exploding(Rule):
    """A state far back has much more gradient than the one the loss is taken at."""

    code: ClassVar[str] = "BKS102"
    title: ClassVar[str] = "gradient explodes through time"
    severity: ClassVar = "warning"
    reads: ClassVar = ("reach",)
    explodes: ClassVar[bool] = True
    explanation: ClassVar[str] = (
        "On its way back the gradient is multiplied by the recurrent matrix at every step, and "
        "grows. The far past then dominates the update, by chance and with a huge norm: one such "
        "step can undo thousands."
    )
    criterion: ClassVar[str] = (
        "The largest finite R(k) over lags is above {times:g} in {samples:.0f} samples in a row. "
        "Alone, a gradient that is not finite is BKS201: NaN in the data gives it, too."
    )
    causes: ClassVar = (
        "a recurrent matrix whose spectral radius is above 1: at the start, or grown in training",
        "ReLU states, which nothing bounds",
        "a long window: growth by 2 % a step is ×50 in 200 steps",
    )
    remedies: ClassVar = (
        "clip the gradient's norm at about its median",
        "orthogonal initialisation, or a smaller gain",
        "tanh instead of ReLU; a GRU or an LSTM",
        "Pascanu's penalty on gradients that fade or grow from step to step (--guard safe,omega)",
        "a penalty on, or a cap of, the recurrent matrix's spectral radius",
        "a shorter window until training is stable",
    )
    studied_remedies: ClassVar = (
        "clip",
        "orthogonal",
        "gru",
        "lstm",
        "omega",
        "spectral",
        "curriculum",
    )
    source: ClassVar[str] = "Bengio et al. 1994; Pascanu et al. 2013 §2. R and its bound: Backsight"

    times: float = 100.0
    """Relative to the gradient at the loss: networks that learn to remember pass 50 for a while."""
    samples: float = 3
    """In a row."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            if len(row) < 3 or not row.any():
                continue
            finite = np.isfinite(row)
            largest = float(row[finite].max()) if finite.any() else math.nan
            if not largest > self.times:
                if not self.finite(layer, row):
                    continue
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            self.finite(layer, row)
            self._row[layer] = self._row.get(layer, 0) + 1
            if self._row[layer] < self.samples:
                continue
            self.ready = True
            at = int(np.where(finite, row, -1).argmax())
            told = f"grows to {short(largest)} times its size {at} steps back" + (
                "" if finite.all() else ", and is not finite further back"
            )
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} {told}",
                {"largest R": largest, "at lag": at, "lags": len(row)},
                signals=(f"reach/{layer}", *_gradient(now)),
            )


def _gradient(now: Sample) -> tuple[str, ...]:
    """The gradient's norm, where it is recorded."""
    there = now.label in now.numbers("grad_norm")
    return (named("grad_norm", now.label),) if there else ()
