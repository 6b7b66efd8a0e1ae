"""The gradient of one loss through one recurrent layer, and what it is averaged from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backsight.probes._deep import DeepMeasures
from backsight.signals import (
    Lag,
    ReachMeasures,
    StateHalfLives,
    measure_reach,
    reach_words,
    zero_words,
)

__all__ = ["NEAR_END", "SATURATED", "GradientProfile", "Tally", "profile_of", "relative"]

SATURATED = 0.99
"""From which size on an element of a tanh state is saturated."""
NEAR_END = 0.01
"""How near to 0 or 1 a gate counts as saturated."""


@dataclass(frozen=True)
class GradientProfile:
    """The gradient of one loss through one recurrent layer, in one direction.

    Times and lags go on through calls of the layer that hand their state on (truncated windows,
    a loop over steps). Calls that do not (two branches of a siamese network) count as further
    sequences.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import probe
        >>> rnn, x = nn.RNN(1, 1, nonlinearity="relu", bias=False), torch.ones(8, 2, 1)
        >>> for weight in rnn.parameters():
        ...     _ = nn.init.constant_(weight, 0.5)
        >>> profile = probe(rnn, lambda: rnn(x)[0][-1].sum())["l0"]
        >>> profile.reach[:4].round(3).tolist(), profile.half_life.steps, profile.horizon.steps
        ([1.0, 0.5, 0.25, 0.125], 2, 7)
    """

    grad_time: NDArray[np.float64]
    """``(T,)``: mean over sequences of ``‖∂L/∂h_t‖``, by step in forward time."""
    reach: NDArray[np.float64]
    """``(lags,)``: ``R(k) = E‖∂ℓ/∂h_{t-k}‖ / E‖∂ℓ/∂h_t‖``; empty where nothing was measured.

    ``t`` is the last step, in the layer's own processing order, that has a direct gradient, and
    ``ℓ`` the loss through that step alone. Where a loss reads an LSTM's ``c_n`` only, ``h_t`` has
    no gradient: R is 0 at lag 0 and relative to the strongest earlier step.
    """
    hidden_norm: NDArray[np.float64]
    """``(T,)``: mean over sequences of ``‖h_t‖``."""
    grad_time_cell: NDArray[np.float64] | None = None
    """``(T,)``: the same as ``grad_time`` on an LSTM's ``c_t``."""
    saturation: Mapping[str, float] = field(default_factory=dict)
    """Share of saturated units: ``""`` for a tanh state (``|h| > 0.99``), and by the name of a
    gate (within 0.01 of 0 or 1); relu has nothing. Of a user's own module, any state counts that
    stays within ±1 throughout the sample. Of cells, gates are counted where the adapter knows
    them (``LayerAdapter.cell_step``)."""
    exact: bool = True
    """False where the layer's own numbers could not be had again: another dropout mask, weights
    that were changed in between."""
    reach_ahead: NDArray[np.float64] | None = None
    """``(lags,)``: of an embedded input whose model is not causal, the same as ``reach`` towards
    later inputs: from the first position that has a direct gradient, and from that one alone."""
    role: Literal["layer", "input", "block", "gates"] = "layer"
    """What it was measured on: hidden states, an embedded input, what a block is called with, or
    the gates of a linear recurrence alone."""
    note: str = ""
    """How it was measured, where that is not as usual: a unit of its own for the lags."""
    reason: str = ""
    """Why nothing could be told, where that is known: a sentence without its full stop."""
    share: NDArray[np.float64] | None = None
    """``(lags,)``: ``R(k)/P`` over the sequences that have lag k; None where all have all lags."""
    graph_end: int | None = None
    """The last lag that the graph leads to, of any sequence: less than the last one where a state
    was detached. None where the graph cannot be asked, as of an embedded input."""
    last_column: float | None = None
    """``B`` where the loss reads the last of ``B`` sequences alone, at every step: time and batch
    may be swapped. 0 where it reads others. None where it is not asked: of a layer below the top
    one, of packed sequences, of few steps or one sequence."""
    underflow: bool = False
    """Whether the gradient is exactly zero from some lag on because smaller numbers do not exist
    in its dtype."""
    begun: float = 0.0
    """Share of the sequences whose state begins anew on the way, as where a mask resets it: their
    reach ends there."""
    inactive: float | None = None
    """Share of the states that are exactly 0, of ReLU; None of any other layer, and of a user's
    own module with negative states."""
    deep: DeepMeasures | None = None
    """Lyapunov exponents and memory capacity, of ``probe(…, deep=True)``."""
    state_half_lives: StateHalfLives | None = None
    """Of the channels of a gated linear recurrence, from its gates; None of any other layer."""
    outcome: str = field(init=False)
    """``ok``, ``not enough data`` (no gradient arrived, or nothing could be told of it) or ``not
    finite``."""
    measures: ReachMeasures = field(init=False, repr=False)
    """What the reach comes to; the properties below are its parts."""

    def __post_init__(self) -> None:
        measures = measure_reach(self.reach)
        if not np.isfinite(self.grad_time).all():
            measures = ReachMeasures("not finite", measures.earlier)
        object.__setattr__(self, "measures", measures)
        object.__setattr__(self, "outcome", measures.outcome)

    @property
    def half_life(self) -> Lag | None:
        """The lag from which ``R`` stays at or below half of its strongest earlier step."""
        return self.measures.half_life

    @property
    def horizon(self) -> Lag | None:
        """The last lag with at least 1 % of the strongest earlier step."""
        return self.measures.horizon

    @property
    def strength(self) -> float:
        """``P``: the strongest earlier step, relative to lag 0."""
        return self.measures.strength

    @property
    def growth_rate(self) -> float:
        """Slope of ``ln R`` per step; negative decays; NaN where it cannot be told."""
        return self.measures.growth_rate

    @property
    def cut(self) -> int | None:
        """The last lag with a gradient, where every later one has exactly none; else None."""
        return self.measures.cut

    @property
    def summary(self) -> str:
        """What it means, in a sentence."""
        if self.role == "gates" and self.state_half_lives is not None:
            return self.state_half_lives.words
        if self.outcome == "not finite":
            return "the gradient through time is not finite"
        if self.outcome == "not enough data" and self.reason:
            return self.reason
        cause = zero_words(
            self.measures,
            end=self.graph_end,
            underflow=self.underflow,
            begun=self.begun,
            saturation=self.saturation,
            inactive=self.inactive or 0.0,
            silent=int((self.hidden_norm == 0).sum()),
        )
        return "; ".join(filter(None, (reach_words(self.reach) + cause, self.note)))


class Tally:
    """Means over sequences of different lengths, a step or a lag each."""

    def __init__(self) -> None:
        self._sum = np.zeros(0)
        self._count = np.zeros(0)

    def add(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add ``values`` at places ``at``, both of one shape; a negative place is left out."""
        there = at >= 0
        if not there.any():
            return
        size = max(len(self._sum), int(at.max()) + 1)
        for name, weights in (("_sum", values[there]), ("_count", None)):
            counted = np.bincount(at[there], weights, minlength=size).astype(np.float64)
            before = getattr(self, name)
            counted[: len(before)] += before
            setattr(self, name, counted)

    def widen(self, size: int) -> None:
        """Have so many places at least, be there nothing to add at the last ones."""
        more = max(0, size - len(self._sum))
        self._sum, self._count = np.pad(self._sum, (0, more)), np.pad(self._count, (0, more))

    def join(self, other: "Tally") -> None:
        """Add what ``other`` has counted."""
        size = max(len(self._sum), len(other._sum))
        for name in ("_sum", "_count"):
            joined = np.zeros(size)
            for one in (getattr(self, name), getattr(other, name)):
                joined[: len(one)] += one
            setattr(self, name, joined)

    def mean(self) -> NDArray[np.float64]:
        """``(places,)``; empty where nothing was added."""
        return self._sum / np.maximum(self._count, 1)


def relative(lags: Tally) -> NDArray[np.float64]:
    """``R(k)``: relative to lag 0; empty where no lag has a gradient.

    Where lag 0 has none (a loss that reads an LSTM's ``c_n`` alone, or the step before the last),
    it is relative to the strongest lag.
    """
    back = lags.mean()
    if not back.any():
        return np.empty(0)
    with np.errstate(invalid="ignore"):  # a gradient that overflowed: inf / inf is NaN
        ratios: NDArray[np.float64] = back / (back[0] or np.max(back))
    return ratios


def _underflows(back: NDArray[np.float64], least: float) -> bool:
    """Whether zeros at the end follow a gradient that would be below ``least`` one step on.

    Args:
        back: ``(lags,)``, mean norms.
        least: the norm of a gradient whose elements are the smallest number of their dtype.
    """
    there = np.flatnonzero(back)
    if not there.size or there[-1] == len(back) - 1:
        return False
    last = int(there[-1])
    decay = min(1.0, back[last] / back[last - 1]) if last and back[last - 1] else 1.0
    return bool(back[last] * decay < least)


def profile_of(
    *,
    time: Tally,
    lags: Tally,
    hidden: Tally,
    cell: Tally | None,
    saturation: Mapping[str, float],
    exact: bool,
    share: NDArray[np.float64] | None = None,
    graph_end: int | None = None,
    least: float = 0.0,
    begun: float = 0.0,
    inactive: float | None = None,
    last_column: float | None = None,
) -> GradientProfile:
    """A profile from the means of its norms; a gradient below ``least`` underflows."""
    return GradientProfile(
        grad_time=time.mean(),
        reach=relative(lags),
        hidden_norm=hidden.mean(),
        grad_time_cell=None if cell is None else cell.mean(),
        saturation=saturation,
        exact=exact,
        share=share,
        graph_end=graph_end,
        underflow=_underflows(lags.mean(), least),
        begun=begun,
        inactive=inactive,
        last_column=last_column,
    )
