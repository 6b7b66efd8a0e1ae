"""Whether a positive signal has risen above its own past, on a log scale."""

import math

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._robust import Recent
from backsight.diagnosis._windows import Floats, medians, spreads

__all__ = ["NEWEST", "RiseTracker"]

NEWEST = 5
"""Values whose median is held against what was before."""

LEAST = 0.02
"""Of a standard deviation of the logarithm: a past may be all the same."""


class RiseTracker:
    """The newest values of a signal, and those before them.

    The past has to be full: the first iterations are all unusual.
    """

    def __init__(self, past: int) -> None:
        self._past = Recent(past)
        self._new = Recent(NEWEST)

    def add(self, value: float) -> None:
        """One more; what leaves the newest ones becomes past."""
        if not (math.isfinite(value) and value > 0):
            return
        if self._new.full:
            self._past.add(self._new.oldest_first[0])
        self._new.add(math.log(value))

    @property
    def full(self) -> bool:
        """Whether there is a past."""
        return self._past.full

    @property
    def height(self) -> float:
        """How far above the past the newest values are, as a natural logarithm; NaN too early."""
        return self._new.median - self._past.median if self._past.full else math.nan

    @property
    def sigmas(self) -> float:
        """The same in robust standard deviations; the dearer question."""
        return self.height / max(self._past.spread, LEAST)

    @property
    def level(self) -> float:
        """Of the newest values."""
        return math.exp(self._new.median)

    # The same for many values at once, once there is a past.

    def add_many(self, values: Floats) -> None:
        """All of them, in order."""
        logs = self._logs(values)
        self._new.load_state_dict(logs[-NEWEST:].tolist())
        self._past.load_state_dict(logs[-NEWEST - self._past.size : -NEWEST].tolist())

    def heights(self, values: Floats) -> Floats:
        """The height after each of them, ``(n,)``; they are not added."""
        logs = self._logs(values)
        return self._heights(logs)[_let_in(values)]

    def places_above(self, values: Floats, height: float, sigmas: float) -> NDArray[np.intp]:
        """After which of them the height is above both limits; they are not added."""
        logs, size = self._logs(values), self._past.size
        heights = self._heights(logs)
        high = np.flatnonzero(heights > height)
        if not high.size:
            return high
        middle = medians(logs[:-NEWEST], size)[high]
        spread = np.maximum(spreads(logs, size, high + size, middle), LEAST)
        rises = np.zeros(len(heights), bool)
        rises[high] = heights[high] / spread > sigmas
        return np.flatnonzero(rises[_let_in(values)])

    def _logs(self, values: Floats) -> Floats:
        """Past, newest and new ones; by the same function as singly, to the bit."""
        usable = values[np.isfinite(values) & (values > 0)]
        new = list(map(math.log, usable.tolist()))
        return np.array([*self._past.oldest_first, *self._new.oldest_first, *new])

    def _heights(self, logs: Floats) -> Floats:
        """After 0, 1, 2, … of those that were let in."""
        size = self._past.size
        return medians(logs[size:], NEWEST) - medians(logs[:-NEWEST], size)


def _let_in(values: Floats) -> NDArray[np.intp]:
    """How many of the values up to each are let in."""
    return np.cumsum(np.isfinite(values) & (values > 0))
