"""The schedules of an optimizer's learning rate: they are known to nobody but the script."""

import gc

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = ["has_schedule", "schedules_of"]


def has_schedule(optimizer: Optimizer) -> bool:
    """Whether PyTorch has marked its step, as the first schedule does that is made for it.

    Example:
        >>> import torch
        >>> from backsight.probes import has_schedule
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
        >>> has_schedule(optimizer)
        False
        >>> schedule = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        >>> has_schedule(optimizer)
        True
    """
    return getattr(vars(optimizer).get("step"), "_wrapped_by_lr_sched", False) is True


def schedules_of(optimizer: Optimizer) -> list[LRScheduler]:
    """Those of PyTorch's; the optimizer does not hold them, so that all objects are searched.

    It takes as long as there are objects in the process: some tens of milliseconds.

    Example:
        >>> import torch
        >>> from backsight.probes import has_schedule, schedules_of
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
        >>> has_schedule(optimizer), schedules_of(optimizer)
        (False, [])
        >>> schedule = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        >>> has_schedule(optimizer), [type(one).__name__ for one in schedules_of(optimizer)]
        (True, ['StepLR'])
    """
    found: dict[int, LRScheduler] = {}
    for holder in gc.get_referrers(optimizer):
        if isinstance(holder, LRScheduler):
            found[id(holder)] = holder
        elif type(holder) is dict and holder.get("optimizer") is optimizer:
            owners = (one for one in gc.get_referrers(holder) if isinstance(one, LRScheduler))
            found |= {id(one): one for one in owners}
    return list(found.values())
