"""A schedule that waits for a number to rise, and lowers the learning rate as long as it falls."""

import weakref

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import schedules_of

__all__ = ["PlateauUpward"]

LATE = 3
"""Calls: one that tells the best number, one that is worse beyond its patience, and one more since.
"""

SEARCHES = 2
"""Falls of the rate after which its schedule is looked for among all objects of the process."""

MOST = 8
"""Searches in a run: each takes as long as there are objects."""


class PlateauUpward(Measurement):
    """``plateau_best``: the highest number that a ``ReduceLROnPlateau`` in mode ``max`` was given,
    where that is still the first one when the learning rate falls for the first time;
    ``plateau_first``: the iteration in which it was given it, if they come at equal distances.

    It is recorded once a learning rate has fallen; nothing is where there is no such schedule.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> kind = torch.optim.lr_scheduler.ReduceLROnPlateau
        >>> schedule = kind(optimizer, mode="max", patience=0)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for loss in (4.0, 2.0, 1.0):
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        ...         schedule.step(loss)
        >>> backsight.Run("runs/mine")["plateau_best"].tolist()
        [4.0]
    """

    name = "plateau"
    signals = ("plateau_best", "plateau_first")
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._rates: dict[int, float] = {}
        """By the optimizer's number, the highest one of the newest look."""
        self._searches: dict[int, int] = {}
        self._found: dict[int, weakref.ref[ReduceLROnPlateau]] = {}
        self._first: dict[int, float] = {}
        """When these were first called, of those that have lowered the rate since at once."""

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Look whether the rate has fallen, and what has done it."""
        rate = max(float(group.get("lr") or 0.0) for group in step.optimizer.param_groups)
        before = self._rates.get(step.number, rate)
        self._rates[step.number] = rate
        searches = self._searches.get(step.number, 0)
        few = searches < SEARCHES and sum(self._searches.values()) < MOST
        if rate < before and step.number not in self._found and few:
            self._searches[step.number] = searches + 1
            schedule = _schedule_of(step.optimizer)
            if schedule is not None:
                self._found[step.number] = weakref.ref(schedule)
                calls = int(schedule.last_epoch)
                if 0 < calls <= schedule.patience + LATE:
                    self._first[step.number] = now.number / calls
        known = self._found.get(step.number)
        found = known() if known is not None else None
        if found is None or found.optimizer is not step.optimizer or found.mode != "max":
            return
        if step.number in self._first:
            now.record("plateau_best", float(found.best))
            now.record("plateau_first", self._first[step.number])


def _schedule_of(optimizer: Optimizer) -> ReduceLROnPlateau | None:
    plateaus = (one for one in schedules_of(optimizer) if isinstance(one, ReduceLROnPlateau))
    return next(plateaus, None)
