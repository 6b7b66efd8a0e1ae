"""A learning rate that falls to zero towards the end of a training."""

from torch.optim import Optimizer

from backsight.lab._config import Training

__all__ = ["schedule_lr", "scheduled_lr"]

BEGINS = 0.5
"""Share of the iterations after which it falls."""


def scheduled_lr(lr: float, iteration: int, iterations: int) -> float:
    """The learning rate of an iteration: whole for the first half, then falling to 0 linearly.

    It depends on nothing else, so that a training that goes on from a checkpoint, even with more
    iterations than it was to have, has the rate that is due. The last iteration has one above 0.

    Args:
        lr: the whole one.
        iteration: from 1.
        iterations: of the training.

    Example:
        >>> from backsight.lab._lr_schedule import scheduled_lr
        >>> [round(scheduled_lr(0.2, n, 8), 3) for n in range(1, 9)]
        [0.2, 0.2, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]
    """
    done = (iteration - 1) / iterations
    return lr * min(1.0, (1 - done) / (1 - BEGINS))


def schedule_lr(optimizer: Optimizer, config: Training, iteration: int) -> None:
    """Set the learning rate of an iteration, where a training has asked for a schedule.

    Args:
        optimizer: of the training.
        config: its settings.
        iteration: from 1.

    Example:
        >>> import torch
        >>> from backsight.lab import Chars
        >>> from backsight.lab._lr_schedule import schedule_lr
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.2)
        >>> schedule_lr(optimizer, Chars(lr=0.2, lr_schedule="linear", iterations=8), 7)
        >>> round(optimizer.param_groups[0]["lr"], 3)
        0.1
    """
    if config.lr_schedule is not None:
        for group in optimizer.param_groups:
            group["lr"] = scheduled_lr(config.lr_in_force, iteration, config.iterations)
