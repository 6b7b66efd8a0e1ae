"""What a gradient through time says: reach, half-life, horizon, growth rate, cut."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["GradientProfile", "Lag", "growth_rate", "reach_cut", "reach_half_life", "reach_horizon"]

HALF = 0.5
VISIBLE = 0.01
"""Below one per cent of the gradient at lag 0 a step no longer counts as reached."""


UNDERFLOW = 1e-20
"""A gradient that fades reaches float32's zero through values below this, step by step; only one
that was cut falls to zero from above it."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A number of steps back from the loss."""

    steps: int
    censored: bool
    """True where the window ends first: the true value is at least ``steps``."""

    def __str__(self) -> str:
        return f"≥ {self.steps}" if self.censored else str(self.steps)


@dataclass(frozen=True)
class GradientProfile:
    """The gradient of one loss through one recurrent layer, in one direction."""

    grad_time: NDArray[np.float64]
    """``(T,)``: mean over sequences of ``‖∂L/∂h_t‖``, by step in forward time."""
    reach: NDArray[np.float64]
    """``(lags,)``: ``R(k) = E‖∂ℓ/∂h_{t-k}‖ / E‖∂ℓ/∂h_t‖``; empty where nothing was measured.

    ``t`` is the last step, in the layer's own processing order, that has a direct gradient, and
    ``ℓ`` the loss through that step alone. Where a loss reads an LSTM's ``c_n`` only, ``h_t`` has
    no gradient: R is 0 at lag 0 and relative to lag 1.
    """
    hidden_norm: NDArray[np.float64]
    """``(T,)``: mean over sequences of ``‖h_t‖``."""
    grad_time_cell: NDArray[np.float64] | None = None
    """``(T,)``: the same as ``grad_time`` on an LSTM's ``c_t``."""
    exact: bool = True
    """False where the run's own dropout mask could not be drawn again."""
    outcome: str = field(init=False)
    """``ok``, ``not enough data`` (no gradient arrived) or ``not finite``."""

    def __post_init__(self) -> None:
        finite = np.isfinite(self.reach).all() and np.isfinite(self.grad_time).all()
        outcome = "not finite" if not finite else "ok" if self.reach.size else "not enough data"
        object.__setattr__(self, "outcome", outcome)

    @property
    def half_life(self) -> Lag | None:
        """Smallest lag with ``R ≤ 1/2``; None unless ``outcome`` is ``ok``."""
        return reach_half_life(self.reach) if self.outcome == "ok" else None

    @property
    def horizon(self) -> Lag | None:
        """Largest lag with ``R ≥ 0.01``; None unless ``outcome`` is ``ok``."""
        return reach_horizon(self.reach) if self.outcome == "ok" else None

    @property
    def growth_rate(self) -> float:
        """Slope of ``ln R`` a step; negative decays; NaN where it cannot be told."""
        return growth_rate(self.reach) if self.outcome == "ok" else math.nan

    @property
    def words(self) -> str:
        """What it means, in a sentence."""
        half, far = self.half_life, self.horizon
        if half is None or far is None:
            return {
                "not finite": "the gradient through time is not finite",
                "not enough data": "no gradient of this loss arrives at this layer",
            }[self.outcome]
        window = len(self.reach)
        told = (
            f"the gradient is not halved within {_steps(window - 1)}"
            if half.censored
            else f"the gradient is halved after {_steps(half.steps)}"
        )
        if self.cut is not None:
            return (
                f"{told} and is exactly zero past {_steps(self.cut)}, as it is where a state was "
                "detached"
            )
        if far.censored:
            return f"{told}, and every one of the {_steps(window)} back from the loss is reached"
        wasted = window - 1 - far.steps
        return (
            f"{told} and is below 1 % after {_steps(far.steps)}; {wasted} of the {_steps(window)} "
            "back from the loss teach next to nothing"
        )

    @property
    def cut(self) -> int | None:
        """The lag past which ``R`` is exactly zero, or None: a detached state, not vanishing."""
        return reach_cut(self.reach) if self.outcome == "ok" else None


def reach_half_life(reach: NDArray[np.float64]) -> Lag:
    """Smallest lag with ``R(k) ≤ 1/2``; censored at the last lag where there is none."""
    below = np.flatnonzero(reach <= HALF)
    below = below[below >= _first(reach)]
    return Lag(int(below[0]), False) if below.size else Lag(len(reach) - 1, True)


def reach_horizon(reach: NDArray[np.float64]) -> Lag:
    """Largest lag with ``R(k) ≥ 0.01``; censored where that is the last one."""
    last = int(np.flatnonzero(reach >= VISIBLE)[-1])
    return Lag(last, last == len(reach) - 1)


def growth_rate(reach: NDArray[np.float64], floor: float = 1e-30) -> float:
    """Least-squares slope of ``ln R(k)`` a step, over the leading part above ``floor``.

    NaN where fewer than two lags are above it.
    """
    reach = reach[_first(reach) :]
    below = np.flatnonzero(~(reach > floor))
    part = reach[: below[0]] if below.size else reach
    if len(part) < 2:
        return math.nan
    return float(np.polyfit(np.arange(len(part)), np.log(part), 1)[0])


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _first(reach: NDArray[np.float64]) -> int:
    """Where the gradient begins: lag 0, or 1 where the loss reads an LSTM's ``c_n`` alone."""
    return int(np.flatnonzero(reach)[0])


def reach_cut(reach: NDArray[np.float64]) -> int | None:
    """Last lag with a gradient where every later one is exactly zero; None where none is."""
    alive = np.flatnonzero(reach)
    if not alive.size or alive[-1] == len(reach) - 1 or reach[alive[-1]] < UNDERFLOW:
        return None
    return int(alive[-1])
