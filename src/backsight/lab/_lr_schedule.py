"""A learning rate that falls to zero towards the end of a training."""

__all__ = ["scheduled_lr"]

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
