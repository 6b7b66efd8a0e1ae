"""Rates that rise, fall back at once to where they began, and rise again: a warm-up by epoch."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Teeth", "Tooth"]

LEAST = 4
"""Rises in a tooth: fewer are chance."""

BACK = 1e-3
"""Above the rate that the first tooth began with, relative to it: the same, but for rounding."""


class Tooth(NamedTuple):
    """A rise that ended in a fall."""

    iteration: int
    """Of the first rate after the fall."""
    steps: int
    """Iterations of the rise."""
    highest: float
    number: int
    """Of how many alike, one directly after the other, it is the last."""


@dataclass
class Teeth:
    """Looks for them in the learning rate of every iteration.

    A rise that stops to rise before it ends is none: such a warm-up is over.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis.rules.wiring._rate_teeth import Teeth
        >>> epoch = [0.01, 0.02, 0.03, 0.04, 0.05]
        >>> found = Teeth().add(np.arange(20), np.array(4 * epoch))
        >>> [(tooth.iteration, tooth.number) for tooth in found]
        [(5, 1), (10, 2), (15, 3)]
    """

    _last: float | None = None
    _base: float = 0.0
    """The first rate of the first of those that are alike."""
    _rises: int = 0
    """Since the last fall, or the beginning."""
    _rising: bool = True
    """Whether there has been nothing else since."""
    _steps: int = 0
    """Of the last tooth; 0 where there is none."""
    _count: int = 0

    def add(self, iterations: NDArray[np.int64], rates: NDArray[np.float64]) -> list[Tooth]:
        """Look at more of them.

        Args:
            iterations: shape ``(n,)``.
            rates: shape ``(n,)``; where one is not finite, whatever rose has ended.

        Returns:
            those that have ended.
        """
        found: list[Tooth] = []
        if not len(rates):
            return found
        if self._last is None:
            self._last = self._base = float(rates[0])
            iterations, rates = iterations[1:], rates[1:]
        both = np.concatenate([[self._last], rates])
        with np.errstate(invalid="ignore"):
            rises = both[1:] > both[:-1]
            falls = np.flatnonzero(2 * both[1:] <= both[:-1])
        begin = 0
        for fall in falls.tolist():
            self._rise(rises[begin:fall])
            self._end(int(iterations[fall]), float(both[fall + 1]), float(both[fall]), found)
            begin = fall + 1
        self._rise(rises[begin:])
        self._last = float(both[-1])
        return found

    def _rise(self, rises: NDArray[np.bool_]) -> None:
        self._rising = self._rising and bool(rises.all())
        self._rises += len(rises)

    def _end(self, iteration: int, rate: float, highest: float, found: list[Tooth]) -> None:
        whole = self._rising and self._rises >= LEAST
        alike = abs(self._rises - self._steps) <= 1 or not self._count
        if whole and alike and rate <= self._base * (1 + BACK):
            self._count += 1
            found.append(Tooth(iteration, self._rises, highest, self._count))
        else:
            self._count, self._base = 0, rate
        self._steps = self._rises if self._count else 0
        self._rises, self._rising = 0, True
