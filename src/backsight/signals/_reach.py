"""What a reach says: half-life, horizon, growth rate, cut, and a sentence.

A *reach* is ``R(k)``, shape ``(lags,)``: the gradient of one position's loss on the state ``k``
steps before it, relative to the gradient at that position.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Lag",
    "growth_rate",
    "reach_cut",
    "reach_half_life",
    "reach_horizon",
    "reach_outcome",
    "reach_words",
]

HALF = 0.5
VISIBLE = 0.01
"""Below one per cent of the gradient at lag 0 a step no longer counts as reached."""

UNDERFLOW = 1e-20
"""A gradient that fades reaches float32's zero through values below this, step by step; only one
that was cut falls to zero from above it."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A number of steps back from the loss.

    Example:
        >>> from backsight.probes import Lag
        >>> horizon = Lag(steps=64, censored=True)
        >>> f"{'at least ' * horizon.censored}{horizon.steps} steps"
        'at least 64 steps'
    """

    steps: int
    censored: bool
    """True where the window ends first: the true value is at least ``steps``."""

    def __str__(self) -> str:
        return f"≥ {self.steps}" if self.censored else str(self.steps)


def reach_outcome(reach: NDArray[np.floating]) -> str:
    """``ok``, ``not enough data`` (no gradient arrived) or ``not finite``.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_outcome
        >>> [reach_outcome(np.array(reach)) for reach in ([1.0, 0.5], [], [1.0, np.nan])]
        ['ok', 'not enough data', 'not finite']
    """
    if not np.isfinite(reach).all():
        return "not finite"
    return "ok" if np.any(reach) else "not enough data"


def reach_half_life(reach: NDArray[np.floating]) -> Lag | None:
    """Smallest lag with ``R(k) ≤ 1/2``; censored at the last lag where there is none.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_half_life
        >>> reach_half_life(np.array([1.0, 0.7, 0.5, 0.3]))
        Lag(steps=2, censored=False)
        >>> reach_half_life(np.array([1.0, 0.9, 0.8, 0.7]))  # the window ends first
        Lag(steps=3, censored=True)
    """
    if reach_outcome(reach) != "ok":
        return None
    below = np.flatnonzero(reach <= HALF)
    below = below[below >= _first(reach)]
    return Lag(int(below[0]), False) if below.size else Lag(len(reach) - 1, True)


def reach_horizon(reach: NDArray[np.floating]) -> Lag | None:
    """Largest lag with ``R(k) ≥ 0.01``; censored where that is the last one.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_horizon
        >>> reach_horizon(0.5 ** np.arange(20))
        Lag(steps=6, censored=False)
    """
    if reach_outcome(reach) != "ok":
        return None
    visible = np.flatnonzero(reach >= VISIBLE)
    last = int(visible[-1]) if visible.size else 0
    return Lag(last, last == len(reach) - 1)


def growth_rate(reach: NDArray[np.floating], floor: float = 1e-30) -> float:
    """Least-squares slope of ``ln R(k)`` a step, over the leading part above ``floor``.

    NaN where fewer than two lags are above it.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import growth_rate
        >>> round(growth_rate(0.5 ** np.arange(20)), 3)  # halves at each step back: -ln 2
        -0.693
    """
    if reach_outcome(reach) != "ok":
        return math.nan
    reach = reach[_first(reach) :]
    below = np.flatnonzero(~(reach > floor))
    part = reach[: below[0]] if below.size else reach
    if len(part) < 2:
        return math.nan
    return float(np.polyfit(np.arange(len(part)), np.log(part), 1)[0])


def reach_cut(reach: NDArray[np.floating]) -> int | None:
    """Last lag with a gradient where every later one is exactly zero; None where none is.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_cut
        >>> reach_cut(np.array([1.0, 0.9, 0.8, 0.0, 0.0]))  # the state was detached there
        2
    """
    if reach_outcome(reach) != "ok":
        return None
    alive = np.flatnonzero(reach)
    if alive[-1] == len(reach) - 1 or reach[alive[-1]] < UNDERFLOW:
        return None
    return int(alive[-1])


def reach_words(reach: NDArray[np.floating]) -> str:
    """What it means, in a sentence without its full stop.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import reach_words
        >>> words = reach_words(0.5 ** np.arange(20))
        >>> "1 step " in words, "6 steps" in words  # its half-life and its horizon
        (True, True)
    """
    half, far, cut = reach_half_life(reach), reach_horizon(reach), reach_cut(reach)
    if half is None or far is None:
        return {
            "not finite": "the gradient through time is not finite",
            "not enough data": "no gradient of this loss reaches this layer",
        }[reach_outcome(reach)]
    window = len(reach)
    if window == 1:
        return "the window is a single step, so there is no earlier state to follow the gradient to"
    told = (
        f"the gradient does not fall to half within {_steps(window - 1)}"
        if half.censored
        else f"the gradient falls to half after {_steps(half.steps)}"
    )
    if cut == 0:
        return "the gradient reaches no step before the last: the steps are detached or independent"
    if cut is not None:
        return f"{told} and is exactly zero beyond {_steps(cut)}, as after a detached state"
    if far.censored:
        return f"{told}, and the oldest of the {_steps(window)} still receives at least 1 % of it"
    wasted = window - 1 - far.steps
    return (
        f"{told} and stays below 1 % beyond {_steps(far.steps)}; {wasted} of the {_steps(window)} "
        f"receive{'s' * (wasted == 1)} almost none of it"
    )


def _first(reach: NDArray[np.floating]) -> int:
    """Where the gradient begins: lag 0, or 1 where the loss reads an LSTM's ``c_n`` alone."""
    return int(np.flatnonzero(reach)[0])


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"
