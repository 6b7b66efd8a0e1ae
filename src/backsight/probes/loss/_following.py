"""Whether the sequences of a batch go on from those of the batch before."""

import weakref

import torch
from torch import Tensor

from backsight.probes.loss._loss_target import LossTarget

__all__ = ["Window", "is_asked", "last_targets"]


class Window:
    """Where in memory a part of the data lies; neither is kept alive.

    Args:
        x: what a layer is given.
        time: the axis of time.

    Example:
        >>> import torch
        >>> from backsight.probes import Window
        >>> data = torch.randn(4, 20)
        >>> first = Window(data[:, :5], 1)
        >>> Window(data[:, 5:10], 1).follows(first), Window(data[:, 6:9], 1).follows(first)
        (True, False)
    """

    def __init__(self, x: Tensor, time: int) -> None:
        self._storage = weakref.ref(x.untyped_storage())
        self._begin, self._step = x.storage_offset(), x.stride(time)
        self._end = self._begin + x.shape[time] * self._step

    def follows(self, other: "Window") -> bool:
        """Whether it begins where the other one ends."""
        storage = self._storage()
        same = storage is not None and storage is other._storage() and self._step == other._step
        return same and self._begin == other._end


@torch.no_grad()
def last_targets(given: LossTarget, steps: int, batch: int) -> list[Tensor]:
    """What a loss asks for at the last step, ``(B,)`` or ``(B, …)``, in each layout it may have.

    Args:
        given: one of :func:`loss_targets`.
        steps, batch: sizes of the sequences.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, last_targets, loss_targets
        >>> target = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        >>> loss = torch.nn.MSELoss()(torch.ones(2, 3, requires_grad=True), target)
        >>> (given,) = loss_targets(LossOperations([loss]))
        >>> [last.tolist() for last in last_targets(given, 3, 2)]
        [[3.0, 6.0], [5.0, 6.0]]
    """
    target = given.target
    if not target.numel() or target.numel() % (steps * batch):
        return []
    by_sequence = target.reshape(batch, steps, -1)[:, -1]
    return [last.clone().squeeze(1) for last in (by_sequence, target.reshape(steps, batch, -1)[-1])]


@torch.no_grad()
def is_asked(first: Tensor, target: Tensor) -> bool:
    """Whether a batch begins with what the last one has asked for: then its sequences go on.

    Args:
        first: ``(B,)`` symbols, or ``(B, I)`` features or symbols in one-hot form.
        target: ``(B,)`` or ``(B, …)``.

    Example:
        >>> import torch
        >>> from backsight.probes import is_asked
        >>> symbols, one_hot = torch.tensor([2, 0]), torch.tensor([[0.0, 0, 1], [1, 0, 0]])
        >>> is_asked(symbols, symbols), is_asked(one_hot, symbols), is_asked(1 - symbols, symbols)
        (True, True, False)
    """
    if len(target) < 2 or bool((target == target[0]).all()):
        return False  # by chance
    if first.dim() == 2 and target.dim() == 1:
        if first.shape[1] == 1:
            first = first.squeeze(1)
        else:
            marked = first == 1
            if not bool(((first == 0) | marked).all()) or not bool((marked.sum(1) == 1).all()):
                return False
            first = marked.int().argmax(1)
    return first.shape == target.shape and bool((first == target).all())
