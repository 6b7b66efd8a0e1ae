"""How a loss has gone so far, by medians: what every verdict on stability is held against."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from backsight.diagnosis._robust import Recent

__all__ = ["LossHistory"]


class LossHistory:
    """How a loss has gone so far: where it began, its best, where it is, and what is usual.

    Levels are medians of 20 values. The newest value enters with the next one: what is usual is
    what was before it.

    Example:
        >>> from backsight.diagnosis import LossHistory
        >>> history = LossHistory()
        >>> for iteration in range(200):
        ...     history.add(iteration, 2.0 * 0.98**iteration)
        >>> history.learned, round(history.lost, 2)
        (True, 0.0)
    """

    LEVEL = 20
    USUAL = 50
    DEEP = 100
    FIRST = 5
    SETTLED = 2 * LEVEL

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

    def newest(self, count: int) -> list[float]:
        """The last finite values, oldest first; of at most 100."""
        return self._long.last(count)

    def remember(self, values: Sequence[float]) -> None:
        """Take these for the last finite values, up to 100 of them, oldest first."""
        self._long.load_state_dict(values)
        self._now.load_state_dict(values[-self.LEVEL :])

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
        return self.count >= self.SETTLED

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
