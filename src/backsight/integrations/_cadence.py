"""Which of a run's numbers a trainer's own log shows, and at which of its steps."""

import math
from bisect import bisect_right

from backsight.integrations._headlines import Headlines

__all__ = ["Cadence"]

KEPT = 20_000
"""Steps whose iterations are known; the older half is forgotten."""

Logged = tuple[int, float]
"""With the step of the trainer that it belongs to."""

LoggedWindow = dict[str, tuple[Logged | None, Logged | None]]
"""By name, the last value, and the first that was not finite."""


class Cadence:
    """One value of each number for every so many steps: the last, as a trainer logs its own.

    A number that was not finite has its first such value as well. A trainer's step may have several
    iterations (two optimizers), and none (a batch that it left out).

    Args:
        headlines: where the numbers come from.

    Example:
        >>> from backsight.integrations._cadence import Cadence
        >>> from backsight.integrations._headlines import Headlines
        >>> headlines = Headlines()
        >>> cadence = Cadence(headlines)
        >>> for iteration in range(5):
        ...     cadence.note(iteration, step=iteration + 100)
        ...     headlines.scalars(iteration, {"grad_norm": 0.5 + iteration})
        >>> cadence.take(every=2)
        [(101, {'backsight/grad_norm': 1.5}), (103, {'backsight/grad_norm': 3.5})]
        >>> cadence.take(every=2, rest=True)
        [(104, {'backsight/grad_norm': 4.5})]
    """

    def __init__(self, headlines: Headlines) -> None:
        self._headlines = headlines
        self.clear()

    def clear(self) -> None:
        """Another training begins."""
        self._headlines.take()
        self._iterations: list[int] = []
        self._steps: list[int] = []
        self._waiting: dict[int, LoggedWindow] = {}

    def note(self, iteration: int, step: int) -> None:
        """The iterations from this one on belong to a step of the trainer."""
        if self._iterations and self._iterations[-1] == iteration:
            self._steps[-1] = step  # the earlier one had no iteration
            return
        self._iterations.append(iteration)
        self._steps.append(step)
        if len(self._steps) > KEPT:
            del self._iterations[: KEPT // 2], self._steps[: KEPT // 2]

    def take(self, every: int, *, rest: bool = False) -> list[tuple[int, dict[str, float]]]:
        """Steps and their numbers, in order.

        Args:
            every: steps that one value of each number stands for.
            rest: whether the last of these steps need not be over.
        """
        for iteration, values in self._headlines.take():
            step = self._step_of(iteration)
            for name, value in values.items():
                self._keep(self._waiting.setdefault(step // every, {}), name, step, value)
        newest = max(self._waiting, default=0)
        rows: dict[int, dict[str, float]] = {}
        for window in [w for w in self._waiting if rest or w < newest]:
            for name, both in self._waiting.pop(window).items():
                for step, value in filter(None, both):
                    rows.setdefault(step, {})[name] = value
        return sorted(rows.items())

    def _step_of(self, iteration: int) -> int:
        place = bisect_right(self._iterations, iteration) - 1
        return self._steps[max(0, place)] if self._steps else iteration

    @staticmethod
    def _keep(window: LoggedWindow, name: str, step: int, value: float) -> None:
        """The last value, and the first that is not finite, each at its step."""
        last, broken = window.get(name, (None, None))
        if broken is None and not math.isfinite(value):
            broken = step, value
        if last is None or last[0] <= step:
            last = step, value
        window[name] = last, broken
