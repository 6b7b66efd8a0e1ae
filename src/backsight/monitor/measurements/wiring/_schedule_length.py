"""How far a schedule has come on its way, and how often it was called for that."""

import math
import weakref

from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
)

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import has_schedule, schedules_of

__all__ = ["ScheduleLength"]

EARLIEST, SEARCHES = 8, 2
"""The first iteration in which schedules are looked for, and how often: each search takes as long
as there are objects in the process."""


EACH = 0.9
"""Calls an iteration of a schedule that is called in each one."""

PASSED = 4
"""Times the last milestone; they are commonly put at half of a training and at three quarters."""


class ScheduleLength(Measurement):
    """``schedule_calls``: how often a schedule with a length was called; ``schedule_share``: which
    share of its length that is; ``schedule_periods``, likewise, of a cosine, which swings back up
    behind its end.

    Nothing is recorded where there is no such schedule, or where there are several; of a sequence
    that ends with a cosine, that cosine is. One with milestones counts once it was called in each
    iteration, four times as often as it takes to pass them all: until then, most of a training may
    have been before them. One without a length (a LambdaLR) counts as long as it was never called.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(11):
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        ...         schedule.step()
        >>> backsight.Run("runs/mine")["schedule_periods"].tolist()
        [4.0, 4.5, 5.0]
    """

    name = "length of a schedule"
    signals = ("schedule_calls", "schedule_periods", "schedule_share")
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._searches: dict[int, int] = {}
        """By the optimizer's number."""
        self._found: dict[int, weakref.ref[LRScheduler]] = {}

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Before it is called again."""
        which = f"/{step.number + 1}" if step.number else ""
        known = self._found.get(step.number)
        schedule = known() if known is not None else None
        if schedule is None or schedule.optimizer is not step.optimizer:
            schedule = self._search(step, now)
        if schedule is None:
            return
        length, calls = _length_of(schedule), float(schedule.last_epoch)
        if length <= 0:
            if calls:
                return
            length = math.inf  # it is none of its way, however long that is
        milestones = isinstance(schedule, MultiStepLR)
        if milestones and (calls < PASSED * length or calls < EACH * now.number):
            return
        name = "schedule_periods" if isinstance(schedule, CosineAnnealingLR) else "schedule_share"
        now.record(f"schedule_calls{which}", calls)
        now.record(f"{name}{which}", calls / length)

    def _search(self, step: OptimizerStep, now: Iteration) -> LRScheduler | None:
        searches = self._searches.get(step.number, 0)
        if now.number < EARLIEST or searches >= SEARCHES or not has_schedule(step.optimizer):
            return None
        self._searches[step.number] = searches + 1
        found = schedules_of(step.optimizer)
        one = found[0] if len(found) == 1 else _last_cosine(found)
        if one is not None:
            self._found[step.number] = weakref.ref(one)
        return one


def _last_cosine(found: list[LRScheduler]) -> CosineAnnealingLR | None:
    """The end of the one sequence that all others belong to."""
    for one in found:
        parts = getattr(one, "_schedulers", ()) if isinstance(one, SequentialLR) else ()
        if parts and {id(one), *map(id, parts)} == set(map(id, found)):
            return parts[-1] if isinstance(parts[-1], CosineAnnealingLR) else None
    return None


def _length_of(schedule: LRScheduler) -> float:
    """Calls after which it has come to its end; 0 of one that has none."""
    if isinstance(schedule, CosineAnnealingLR):
        return float(schedule.T_max)
    if isinstance(schedule, OneCycleLR):
        return float(schedule.total_steps)
    if isinstance(schedule, MultiStepLR):
        return float(max(schedule.milestones, default=0))
    if isinstance(schedule, (LinearLR, PolynomialLR)):
        return float(schedule.total_iters)
    return 0.0
