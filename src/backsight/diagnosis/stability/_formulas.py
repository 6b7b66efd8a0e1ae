"""What a spike, a collapse, a divergence and a value that is not finite are: plain formulas.

Each is a function of a :class:`LossHistory` and of constants that its caller chooses
(:mod:`backsight.diagnosis.stability._presets`), so that a verdict and an act mean the same thing.
How often in a row something must be so is the caller's as well.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from backsight.diagnosis.stability._history import LossHistory

__all__ = [
    "RECENT",
    "Rise",
    "divergence_limit",
    "first_non_finite",
    "learning_bar",
    "rise_above_usual",
]

RECENT = 20
"""Losses that a spike is held against: a loss that comes down fast varies by that alone."""


@dataclass(frozen=True, slots=True)
class Rise:
    """How far a loss is above the last ones.

    Example:
        >>> from backsight.diagnosis.stability import LossHistory, rise_above_usual
        >>> history = LossHistory()
        >>> for iteration in range(100):
        ...     history.add(iteration, 2.0 - iteration / 100)
        >>> rise = rise_above_usual(history, 3.0, share=0.3, least=0.1, floor=10)
        >>> round(rise.usual, 2), round(rise.height, 2)
        (1.11, 1.89)
    """

    usual: float
    """The median of the last 20."""
    height: float
    """Above it."""
    spread: float
    """Their robust standard deviation, at least :attr:`least`."""
    least: float
    """Half of the deviation of the last 50, 1 % of the level, or a part of what was learned: 20
    values may lie close together by chance, and a handful says little of what is usual."""
    worth: float
    """What has been learned so far, in units of the loss."""


def rise_above_usual(
    history: LossHistory, loss: float, *, share: float, least: float, floor: float
) -> Rise | None:
    """How far ``loss`` is above the last losses; None where that costs little of what was learned.

    Args:
        history: up to this loss, which is not among its ``usual`` ones yet.
        loss: finite.
        share: of what has been learned, that a rise must cost.
        least: of where the loss began, that counts as learned at the least.
        floor: what has been learned, divided by this, is the least standard deviation; by 1 while
            there are fewer than 20 losses.

    Example:
        >>> from backsight.diagnosis.stability import LossHistory, rise_above_usual
        >>> history = LossHistory()
        >>> for iteration in range(100):
        ...     history.add(iteration, 2.0 - iteration / 100)
        >>> print(rise_above_usual(history, 1.05, share=0.3, least=0.1, floor=10))
        None
        >>> round(rise_above_usual(history, 3.0, share=0.3, least=0.1, floor=10).height, 2)
        1.89
    """
    usual = history.usual
    middle, spread = usual.newest(RECENT)
    worth = max(history.start - middle, least * abs(history.start))
    height = loss - middle
    if height <= share * worth:
        return None
    smallest = worth / (floor if len(usual) >= RECENT else 1)
    smallest = max(0.01 * abs(middle), smallest, usual.spread / 2)
    return Rise(middle, height, max(spread, smallest), smallest, worth)


def learning_bar(history: LossHistory, least: float) -> float:
    """What :attr:`LossHistory.progress` must be above to be called learning.

    Args:
        history: of the loss.
        least: of where the loss began, that it must have come down by.

    Example:
        >>> from backsight.diagnosis.stability import LossHistory, learning_bar
        >>> history = LossHistory()
        >>> for iteration in range(100):
        ...     history.add(iteration, 2.0 - iteration / 100)
        >>> round(history.progress, 2), round(learning_bar(history, least=0.1), 2)
        (0.8, 0.25)
    """
    return max(least * abs(history.start), 2 * history.margin)


def divergence_limit(began: float, noise: float, *, rise: float, sigmas: float) -> float:
    """The level above which a loss has diverged.

    Args:
        began: the level at which it began.
        noise: the robust standard deviation of that; 0 where too few losses tell it.
        rise: of ``|began|``, that it must be above.
        sigmas: how many deviations it must be above.

    Example:
        >>> from backsight.diagnosis.stability import divergence_limit
        >>> divergence_limit(began=2.0, noise=0.1, rise=0.5, sigmas=6)
        3.0
        >>> divergence_limit(began=2.0, noise=0.5, rise=0.5, sigmas=6)
        5.0
    """
    return began + max(rise * abs(began), sigmas * noise)


def first_non_finite(values: Iterable[tuple[str, float | None]]) -> tuple[str, float] | None:
    """The first of several named values that is not finite, in the order of their computation.

    Args:
        values: name and value; None where it is not known.

    Example:
        >>> from backsight.diagnosis.stability import first_non_finite
        >>> inf, nan = float("inf"), float("nan")
        >>> first_non_finite([("loss", None), ("gradient norm", inf), ("weights", nan)])
        ('gradient norm', inf)
    """
    for name, value in values:
        if value is not None and not math.isfinite(value):
            return name, value
    return None
