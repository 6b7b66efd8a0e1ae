"""BKS102: the gradient grows on its way back."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module, short

__all__ = ["Exploding", "growth_of"]

NEWEST = 3
"""States whose effect may still begin."""

EVEN = 0.1
"""Of the largest. What grows by a factor of 100 at one rate has at most half of its lags above."""


EMBEDDED = "input:"
"""The name of what is read at a model's embedded input begins so."""

LEAP = 0.5
"""Of the growth, as a power: one step with more of it is no multiplication again and again."""


@dataclass
class Exploding(Rule):
    """A state far back has much more gradient than the one the loss is taken at."""

    code: ClassVar[str] = "BKS102"
    title: ClassVar[str] = "gradient explodes through time"
    severity: ClassVar = "warning"
    reads: ClassVar = ("reach",)
    explodes: ClassVar[bool] = True
    judges_rate: ClassVar[bool] = True
    leads_to: ClassVar = (
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS206",
        "BKS207",
        "BKS302",
        "BKS403",
        "BKS404",
    )
    explanation: ClassVar[str] = (
        "On its way back through time the gradient is multiplied by the recurrent matrix at every "
        "step, and grows. The distant past then dominates the update with a huge norm and in an "
        "arbitrary direction: one such step can undo thousands."
    )
    criterion: ClassVar[str] = (
        "The largest finite R(k) over all lags is above {times:g} in {samples:.0f} samples in a "
        "row, relative to the first lag that has a gradient. A gradient that is even but for the "
        "newest states, which may hardly matter yet, as what is written to a memory last, does "
        "not count: one of the first three lags gets a tenth of the largest, and so do more than "
        "half of all. Nor does, at an embedded input, one that grows by more than the root of it "
        "from one lag to the next: an attention picks steps. A gradient that is merely not finite "
        "is reported as BKS201, because NaN in the data causes it too."
    )
    causes: ClassVar = (
        (
            "a recurrent matrix with a spectral radius above 1, from the start or after growth in "
            "training"
        ),
        "ReLU states, which are unbounded",
        "a long window: growth by 2 % per step is ×50 over 200 steps",
    )
    remedies: ClassVar = (
        "clip the gradient norm at about its median",
        "initialise the recurrent matrix orthogonally, or with a smaller gain",
        "use tanh instead of ReLU, or a GRU or an LSTM",
        (
            "add Pascanu's penalty on gradients that shrink or grow from step to step (--guard "
            "safe,omega)"
        ),
        "penalise or cap the spectral radius of the recurrent matrix",
        remedy("shorten the window until training is stable", window=-1),
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
    source: ClassVar[str] = (
        "Bengio et al. 1994; Pascanu et al. 2013 §2. R and its threshold: Backsight"
    )

    times: float = 100.0
    """Relative to the gradient at the loss, which an update has besides: a past that is large
    beside it dominates. Networks that learn to remember pass 50 for a while."""
    samples: float = 3
    """In a row."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it explodes."""
        return self.require(
            self.samples, "sample", "of reach in which a gradient arrives",
            sooner=(1, f"R stays below {self.times:g}") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            if len(row) < 3 or not row.any():
                continue
            finite = np.isfinite(row)
            largest = growth_of(layer, row)
            if not largest > self.times:
                if not self.finite(layer, row):
                    continue
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            self.finite(layer, row)
            self.usable(layer)
            self._row[layer] = self._row.get(layer, 0) + 1
            if self._row[layer] < self.samples:
                continue
            self.ready = True
            at = int(np.where(finite, row, -1).argmax())
            told = f"grows by a factor of {short(largest)} over {at} steps back from the loss" + (
                "" if finite.all() else ", and is not finite further back"
            )
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} {told}",
                {"largest R": largest, "at lag": at, "lags": len(row)},
                signals=(f"reach/{layer}", *_gradient(now)),
            )


def growth_of(layer: str, row: NDArray[np.floating]) -> float:
    """How many times as large as at the loss a gradient becomes on its way back; NaN where it is
    not known, or where that is no growth from step to step.

    Args:
        layer: where it was measured.
        row: ``R(k)`` of each lag, not zero everywhere.
    """
    begins = int(np.flatnonzero(row)[0])
    finite = np.isfinite(row)
    grown = float(row[finite].max()) / float(row[begins]) if finite.any() else math.nan
    if not grown > 1:
        return grown
    picked = layer.startswith(EMBEDDED) and _is_picked(row[begins:])
    return math.nan if picked or _is_even(row[begins:]) else grown


def _is_even(row: NDArray[np.floating]) -> bool:
    """Whether all has been reached within the newest few."""
    if not np.isfinite(row).all():
        return False
    high = row[row > 0] > EVEN * row.max()
    return bool(high[:NEWEST].any() and high.mean() > 0.5)


def _is_picked(row: NDArray[np.floating]) -> bool:
    """Whether one lag to the next makes most of the growth from the newest to the largest."""
    if not np.isfinite(row).all():
        return False
    grown = row[: int(row.argmax()) + 1]
    there = np.log(grown[grown > 0])
    return bool(np.diff(there).max() > LEAP * (there[-1] - there[0]))


def _gradient(now: Sample) -> tuple[str, ...]:
    """The gradient's norm, where it is recorded."""
    there = now.label in now.numbers("grad_norm")
    return (named("grad_norm", now.label),) if there else ()
