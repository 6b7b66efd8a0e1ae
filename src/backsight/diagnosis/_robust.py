"""Medians that a few wild values, and values that are not finite, cannot move."""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Course", "Recent"]

SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


class Recent:
    """The last ``size`` finite values; O(size) at worst to add one, in a few microseconds."""

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


class Course:
    """How a loss has gone so far: where it began, its best, where it is, and what is usual.

    Levels are medians of 20 values. The newest value enters with the next one: what is usual is
    what was before it.
    """

    LEVEL = 20
    USUAL = 50
    DEEP = 100
    FIRST = 5

    def __init__(self) -> None:
        self.value = math.nan
        """The newest."""
        self.count = 0
        """Finite values so far."""
        self.broken = 0
        """Values that were not finite."""
        self.usual = Recent(self.USUAL)
        """Those before the newest."""
        self.start = math.nan
        """The first level: of as many as there are, until there are 20."""
        self.noise = math.nan
        """The spread around it."""
        self.level = math.nan
        self.best = math.inf
        """The lowest level."""
        self.best_at = -1
        self.best_count = 0
        """How many values there were by then."""
        self.first = math.nan
        """The median of the first five: of a loss that falls within twenty."""
        self.three = math.nan
        """The median of the first three: before any step, and after one and two."""
        self.deep = math.inf
        """The lowest median of 100 values, which the noise of single values hardly moves."""
        self._now = Recent(self.LEVEL)
        self._long = Recent(self.DEEP)

    def add(self, iteration: int, value: float) -> None:
        """One more value."""
        if math.isfinite(self.value):
            self.usual.add(self.value)
        self.value = value
        if not math.isfinite(value):
            self.broken += 1
            return
        self.count += 1
        self._now.add(value)
        self._long.add(value)
        self.level = self._now.median
        if self.count <= 3:
            self.three = self.level
        if self.count <= self.FIRST:
            self.first = self.level
        if self.count <= self.LEVEL:
            self.start, self.noise = self.level, self._now.spread
        elif 2 * self.count >= self.DEEP:
            self.deep = min(self.deep, self._long.median)
        if self.count >= self.LEVEL and self.level < self.best:
            self.best, self.best_at, self.best_count = self.level, iteration, self.count

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            name.lstrip("_"): value.state_dict() if isinstance(value, Recent) else value
            for name, value in vars(self).items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was."""
        for name, value in vars(self).items():
            if isinstance(value, Recent):
                value.load_state_dict(state[name.lstrip("_")])
            else:
                setattr(self, name, state[name.lstrip("_")])

    @property
    def settled(self) -> bool:
        """Whether the levels mean anything yet."""
        return self.count >= 2 * self.LEVEL

    @property
    def progress(self) -> float:
        """How far the loss has ever come down from where it began; 0 where it has not."""
        return max(self.start - self.best, 0.0) if self.settled else 0.0

    @property
    def began(self) -> float:
        """Where it began, at the most."""
        return max(self.start, self.first)

    @property
    def margin(self) -> float:
        """Three standard errors of where it began: 1.25 σ/√n of a median of n."""
        values = self.FIRST if self.first > self.start else self.LEVEL
        return 3 * 1.25 * self.noise / math.sqrt(values)

    @property
    def fallen(self) -> float:
        """How far a median of 100 has come down from there; negative where it went up."""
        return self.began - self.deep

    @property
    def learned(self) -> bool:
        """Whether that is more than its noise, and a twentieth of where it began."""
        return self.fallen > max(0.05 * abs(self.began), self.margin)

    @property
    def lost(self) -> float:
        """The share of what was learned that is gone again: 0 at the best, 1 where it began."""
        return (self.level - self.best) / self.progress if self.learned and self.progress else 0.0


def _middle(ordered: list[float]) -> float:
    count = len(ordered)
    if not count:
        return math.nan
    half = count // 2
    if count % 2:
        return ordered[half]
    low, high = ordered[half - 1], ordered[half]
    return low + (high - low) / 2  # their sum might overflow
