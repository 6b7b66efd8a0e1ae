"""What has been recorded and not been judged yet, signal by signal."""

import math
from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals import Profile, Series

__all__ = ["Unjudged"]


class Unjudged:
    """Values by signal, in order of their iterations.

    Example:
        >>> from backsight.monitor.sinks._unjudged import Unjudged
        >>> waiting = Unjudged()
        >>> for iteration, loss in enumerate([2.0, 1.5, float("nan")]):
        ...     waiting.add("loss", iteration, loss)
        >>> waiting.broken, waiting.span(before=2)
        (True, 2)
        >>> waiting.take(before=2)["loss"].values.tolist(), waiting.span(before=9)
        ([2.0, 1.5], 1)
    """

    def __init__(self) -> None:
        self.broken = False
        """Whether anything that waits is not finite."""
        self._at: dict[str, list[int]] = {}
        self._values: dict[str, list[Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._at)

    def add(self, name: str, iteration: int, value: float | NDArray[np.floating]) -> None:
        """One sample; of one iteration, the newest is kept."""
        if isinstance(value, float):
            self.broken = self.broken or not math.isfinite(value)
        else:
            self.broken = self.broken or not np.isfinite(value).all()
        at = self._at.get(name)
        if at is None:
            self._at[name], self._values[name] = [iteration], [value]
        elif at[-1] < iteration:
            at.append(iteration)
            self._values[name].append(value)
        else:  # of an iteration that is here already
            self._insert(name, iteration, value)

    def _insert(self, name: str, iteration: int, value: Any) -> None:
        at, values = self._at[name], self._values[name]
        place = bisect_left(at, iteration)
        if at[place] == iteration:
            values[place] = value
        else:
            at.insert(place, iteration)
            values.insert(place, value)

    def span(self, before: int) -> int:
        """How many samples the longest signal has before that iteration."""
        return max((bisect_left(at, before) for at in self._at.values()), default=0)

    def take(self, before: int) -> dict[str, Series | Profile]:
        """Those before that iteration, by signal; they wait no longer."""
        taken: dict[str, Series | Profile] = {}
        for name in list(self._at):
            at, values = self._at[name], self._values[name]
            count = bisect_left(at, before)
            if not count:
                continue
            iterations = np.array(at[:count], np.int64)
            if isinstance(values[0], float):
                taken[name] = Series(iterations, np.array(values[:count]))
            else:
                taken[name] = Profile(iterations, tuple(values[:count]))
            del at[:count], values[:count]
            if not at:
                del self._at[name], self._values[name]
        self.broken = self.broken and bool(self._at)
        return taken
