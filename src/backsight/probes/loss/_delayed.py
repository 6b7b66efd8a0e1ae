"""Targets that are inputs of some steps before."""

import torch
from torch import Tensor

from backsight.probes._time_axis import LARGEST

__all__ = ["lag_of"]

FEWEST = 3
"""Steps in which a target was read before; and different values of these."""


@torch.no_grad()
def lag_of(target: Tensor, given: Tensor) -> int:
    """How many steps before it is asked for each target was read.

    Where a delay is to be learned, the first targets, of which nothing was read, are mostly one
    value; here they are what comes before the window.

    Args:
        target: ``(n,)``, the targets in a row, as many as there are inputs.
        given: ``(a, b)`` symbols or ``(a, b, f)`` numbers, with the steps along either axis.

    Returns:
        0 where they were not, or where the first ones are one value, or the end of the window; or
        where each is a later input as well, as in a series that repeats itself.

    Example:
        >>> import torch
        >>> from backsight.probes import lag_of
        >>> series = torch.arange(0.0, 9.0, 0.1).sin().unfold(0, 30, 5)  # (13, 30)
        >>> lag_of(series[:, :-4].flatten(), series[:, 4:]), lag_of(series.flatten(), series)
        (4, 0)
        >>> late = torch.cat([torch.zeros(13, 4), series[:, :-4]], 1)
        >>> lag_of(late.flatten(), series)
        0
    """
    if target.numel() != given.numel() or target.numel() > LARGEST or given.dtype.is_complex:
        return 0
    if target.device != given.device:
        return 0
    shape = given.shape
    turned = (shape[1], shape[0], *shape[2:])
    orders = target.reshape(shape), target.reshape(turned).transpose(0, 1)
    for asked in orders:
        for steps in (0, 1):
            lag = _lag(asked.movedim(steps, 0), given.movedim(steps, 0))
            if lag:
                return lag
    return 0


def _lag(asked: Tensor, given: Tensor) -> int:
    """``(T, B, …)`` both."""
    steps = len(given)
    if steps <= FEWEST or given.shape[1] < 2:
        return 0
    asked = asked.to(given.dtype)
    ahead = (given == asked[:1]).flatten(1).all(1).nonzero().flatten().tolist()
    if any(0 < n <= steps - FEWEST and torch.equal(asked[:-n], given[n:]) for n in ahead):
        return 0
    alike = (asked == given[:1]).flatten(1).all(1)
    for lag in alike.nonzero().flatten().tolist():
        if not 0 < lag <= steps - FEWEST or not torch.equal(asked[lag:], given[:-lag]):
            continue
        before = asked[:lag]
        varied = len(torch.unique(given[:-lag])) >= FEWEST and bool((before != before[:, :1]).any())
        if varied and not torch.equal(before, given[-lag:]):
            return int(lag)
    return 0
