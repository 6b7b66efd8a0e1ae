"""Medians that a few wild values, and values that are not finite, cannot move."""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

__all__ = ["Recent"]

SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


class Recent:
    """The last ``size`` finite values; O(size) at worst to add one, in a few microseconds.

    Example:
        >>> from backsight.diagnosis import Recent
        >>> recent = Recent(5)
        >>> for value in [1.0, 2.0, 3.0, 4.0, 1000.0, float("nan")]:
        ...     recent.add(value)
        >>> recent.full, recent.median, recent.quantile(1.0)
        (True, 3.0, 1000.0)
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._order)

    @property
    def full(self) -> bool:
        """Whether there are ``size`` of them."""
        return len(self._order) == self.size

    def add(self, value: float) -> None:
        """Let one in, and the oldest out; one that is not finite stays outside."""
        if not math.isfinite(value):
            return
        if len(self._order) == self.size:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]
        self._order.append(value)
        insort(self._sorted, value)

    @property
    def median(self) -> float:
        """The middle value; NaN where there is none."""
        return _middle(self._sorted)

    @property
    def spread(self) -> float:
        """1.4826 times the median absolute deviation from the median."""
        middle = self.median
        return SIGMA * _middle(sorted(abs(value - middle) for value in self._sorted))

    def quantile(self, share: float) -> float:
        """The value that ``share`` of them are below; NaN where there is none."""
        if not self._sorted:
            return math.nan
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)]

    def newest(self, count: int, without: int = 0) -> tuple[float, float]:
        """Median and spread of the ``count`` before the newest ``without``.

        A dearer question than about all.
        """
        values = self.last(count + without)
        ordered = sorted(values[: len(values) - without])
        middle = _middle(ordered)
        return middle, SIGMA * _middle(sorted(abs(value - middle) for value in ordered))

    def last(self, count: int) -> list[float]:
        """The newest ``count``, oldest first."""
        return [self._order[i] for i in range(max(0, len(self._order) - count), len(self._order))]

    @property
    def oldest_first(self) -> list[float]:
        """All of them."""
        return list(self._order)

    def state_dict(self) -> list[float]:
        """The values, oldest first."""
        return list(self._order)

    def load_state_dict(self, state: Sequence[float]) -> None:
        """Hold those values, and no others."""
        self._order = deque(state)
        self._sorted = sorted(state)


def _middle(ordered: list[float]) -> float:
    count = len(ordered)
    if not count:
        return math.nan
    half = count // 2
    if count % 2:
        return ordered[half]
    low, high = ordered[half - 1], ordered[half]
    return low + (high - low) / 2  # their sum might overflow
