"""Which sequences of a batch are followed through a fused layer."""

import torch
from torch import Tensor

from backsight.probes._sequences import spacing

__all__ = ["ENDS", "evenly_spaced", "only_column", "rows_of", "with_gradient"]

ENDS = -2
"""In the place of one sequence: the first and the last of four or more."""


def evenly_spaced(count: int | None, batch: int, device: torch.device) -> Tensor:
    """``(B,)``: ``count`` of ``batch``, as of :func:`spacing`."""
    count, step = spacing(count, batch)
    return torch.arange(count, device=device) * step


def with_gradient(gradient: Tensor, count: int) -> Tensor | None:
    """Up to ``count`` sequences that have a gradient, where the evenly spaced ones have none.

    As where a loss reads one column of a batch.

    Args:
        gradient: ``(·, whole batch, ·)``.
        count: how many are followed.

    Returns:
        ``(B,)``; None where the evenly spaced ones have some, or no sequence has any.
    """
    batch = gradient.shape[1]
    if not 0 < count < batch:
        return None
    usual = gradient[:, :: batch // count][:, :count]
    # The last step nearly always has one: a look at all steps costs as much as a norm of them.
    if bool((usual[-1] != 0).any()) or bool((usual != 0).any()):
        return None
    found = (gradient != 0).any(-1).any(0).nonzero()[:, 0]
    return found[:count] if len(found) else None


def only_column(gradient: Tensor) -> int:
    """The one sequence that has a gradient, and has one at every step; -1 where there is none, and
    :data:`ENDS` of the first and the last one, as read by the halves of two directions.

    Args:
        gradient: ``(T, whole batch, ·)``.
    """
    (found,) = (gradient[-1] != 0).any(-1).nonzero(as_tuple=True)
    ends = len(found) == 2 and gradient.shape[1] > 3
    if len(found) != 1 and not (
        ends and int(found[0]) == 0 and int(found[1]) == len(gradient[0]) - 1
    ):
        return -1
    there = (gradient != 0).any(-1)
    if ends:
        both = bool(there[:, [0, -1]].all()) and int(there.sum()) == 2 * len(there)
        return ENDS if both else -1
    column = int(found)
    return column if bool(there[:, column].all()) and int(there.sum()) == len(there) else -1


def rows_of(data: Tensor, rows: Tensor, batch_sizes: Tensor | None, *, spaced: bool) -> Tensor:
    """``(T, B, ·)`` of those rows, zero-padded, from ``(T, whole batch, ·)`` or packed data."""
    if batch_sizes is None:
        if not spaced:
            return data.index_select(1, rows)
        count = len(rows)
        if count == data.shape[1]:
            return data
        return data[:, :: data.shape[1] // count][:, :count].contiguous()
    sizes = batch_sizes.to(data.device)
    start = (sizes.cumsum(0) - sizes)[:, None]
    inside = rows < sizes[:, None]
    at = torch.where(inside, start + rows, 0)
    return torch.where(inside[..., None], data[at], 0)
