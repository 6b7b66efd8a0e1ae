"""Losses that ask for the last value of the very window that is read."""

import torch
from torch import Tensor

from backsight.probes.loss import ROUNDED, LossTarget

__all__ = ["asks_for_last"]

ROWS = 8
"""Different targets, fewer of which may be equal by chance."""

STEPS = 3
"""The fewest steps of a window."""


@torch.no_grad()
def asks_for_last(given: LossTarget, window: Tensor) -> bool:
    """Whether the one number that each row is asked for is a feature of its last step.

    Args:
        given: the target of one loss.
        window: ``(B, T)``, ``(B, T, F)`` or ``(T, B, F)`` numbers that the model was given.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, asks_for_last, loss_targets
        >>> series = torch.arange(60.0).sin().unfold(0, 6, 1)
        >>> z = torch.zeros(55, requires_grad=True)
        >>> loss = torch.nn.functional.mse_loss(z + 0, series[:, 5])
        >>> (one,) = loss_targets(LossOperations([loss]))
        >>> asks_for_last(one, series), asks_for_last(one, series[:, :-1])
        (True, False)
    """
    target = given.target
    if given.of_classes or not window.is_floating_point() or window.dtype != target.dtype:
        return False
    rows = len(target) if target.dim() else 0
    if rows < ROWS or target.numel() != rows or target.device != window.device:
        return False
    asked = target.reshape(rows)
    if len(set(asked.tolist())) < ROWS:
        return False
    for x in (window, window.transpose(0, 1)) if window.dim() == 3 else (window,):
        if len(x) != rows or x.shape[1] < STEPS:
            continue
        off = (x[:, -1].reshape(rows, -1) - asked[:, None]).abs().amax(0)
        if bool((off <= (ROUNDED * float(asked.abs().max()) if given.rounded else 0)).any()):
            return True
    return False
