"""Which sequences of a batch are followed through a fused layer."""

import torch
from torch import Tensor

__all__ = ["evenly_spaced", "rows_of", "with_gradient"]

USUAL = 8
"""Sequences of a batch that are followed, unless told otherwise."""


def evenly_spaced(count: int | None, batch: int, device: torch.device) -> Tensor:
    """``(B,)``: ``count`` of ``batch``; all for None, and the usual number for 0."""
    if count == 0:
        count = max(1, min(USUAL, batch // 4))
    count = batch if count is None else min(count, batch)
    # Evenly spaced, so that a strided view finds them: an index takes up to 50 times as long.
    return torch.arange(count, device=device) * (batch // count if count else 1)


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
    if bool((gradient[:, :: batch // count][:, :count] != 0).any()):
        return None
    found = (gradient != 0).any(-1).any(0).nonzero()[:, 0]
    return found[:count] if len(found) else None


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
