"""Targets that are inputs of some steps before."""

from collections.abc import Iterable

import torch
from torch import Tensor

from backsight.probes._time_axis import LARGEST
from backsight.probes.loss._answer_windows import varies

__all__ = ["another", "lag_of"]

FEWEST = 3
"""Steps in which a target was read before; and different values of these."""


@torch.no_grad()
def lag_of(target: Tensor, given: Tensor, *, begun: bool = False) -> int:
    """How many steps before it is asked for each target was read.

    Where a delay is to be learned, the first targets, of which nothing was read, are mostly one
    value; here they are what comes before the window.

    Args:
        target: ``(n,)``, the targets in a row, as many as there are inputs.
        given: ``(a, b)`` symbols or ``(a, b, f)`` numbers, with the steps along either axis.
        begun: whether, of a lag of one step, the first target may be one value that is never read,
            such as the mark of a beginning.

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
        >>> late = torch.cat([torch.full((13, 1), -9.0), series[:, :-1]], 1)
        >>> lag_of(late.flatten(), series), lag_of(late.flatten(), series, begun=True)
        (0, 1)
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
            lag = _lag(asked.movedim(steps, 0), given.movedim(steps, 0), begun)
            if lag:
                return lag
    return 0


def _lag(asked: Tensor, given: Tensor, begun: bool) -> int:
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
        if len(torch.unique(given[:-lag])) < FEWEST or torch.equal(before, given[-lag:]):
            continue
        if bool((before != before[:, :1]).any()):
            return int(lag)
        if begun and lag == 1 and not bool((given == before[0, 0]).any()):
            return 1
    return 0


@torch.no_grad()
def another(given: Tensor, read: Iterable[Tensor]) -> bool:
    """Whether any symbols that are read are others than ``given``, ``(a, b)`` or ``(b, a)``.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._delayed import another
        >>> text = torch.arange(6).view(2, 3)
        >>> another(text, [text, text.T]), another(text, [text + 1])
        (False, True)
    """
    return any(varies(one) and not _same(one, given) and not _same(one.T, given) for one in read)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one == other).all())
