"""Whether a batch was packed with the lengths of its own sequences, as their padding tells."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from backsight.probes._operations import operation, shape_of
from backsight.probes._padding import is_padding, padding_of
from backsight.probes.wiring._data_behind import data_below

__all__ = ["lengths_unlike", "packed_from", "packed_of"]

FEWEST = 8
"""Sequences."""

SHARE = 0.2
"""Of them, that are cut short, and that go on into padding: each, at least; of all their steps."""

HALF = 0.5
"""Of the sequences, that are cut at least, and that may be cut at one and the same step."""


@torch.no_grad()
def lengths_unlike(packed: PackedSequence, padded: Tensor) -> float:
    """The share of sequences whose lengths are not theirs, where some are cut short, and others go
    on into padding; or where a good part of most is cut off, of each another one; or where each
    length is the number of the steps that are not 0, and there are zeros before the last of these,
    so that the ends are cut off.

    Args:
        packed: a batch.
        padded: ``(B, T)`` or ``(B, T, I)``, what it was packed from.

    Returns:
        0 where none are, or sequences are cut or go on in another way; or where nothing is
        padding.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import lengths_unlike
        >>> lengths = torch.tensor([2, 5, 3, 9, 4, 7, 8, 6])
        >>> x = torch.randint(1, 9, (8, 9)).masked_fill(torch.arange(9) >= lengths[:, None], 0)
        >>> def share(lengths, x):
        ...     packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        ...     return lengths_unlike(packed, x)
        >>> share(lengths, x), share(lengths.sort(descending=True).values, x)
        (0.0, 1.0)
    """
    batch = int(packed.batch_sizes[0])
    if batch < FEWEST or len(padded) != batch or padded.dim() not in (2, 3):
        return 0.0
    lengths = (packed.batch_sizes[:, None] > torch.arange(batch)).sum(0)
    if packed.unsorted_indices is not None:
        lengths = lengths[packed.unsorted_indices.cpu()]
    counted = _cut_by_counting(lengths, padded)
    if counted >= SHARE:
        return counted
    at_end, inside = padding_of(padded)
    if not is_padding(at_end, inside):
        return 0.0
    own = (padded.shape[1] - at_end.sum(1)).cpu()
    short, long = (float(each.float().mean()) for each in (lengths < own, lengths > own))
    if min(short, long) >= SHARE:
        return short + long
    return _cut_short(lengths, own) if not long else 0.0


def _cut_short(lengths: Tensor, own: Tensor) -> float:
    """The share of sequences that go on behind what is packed of them, if that is of most, and
    each is cut somewhere else: what is longer than some limit is all cut there."""
    cut = lengths < own - 1  # the last one may be what is asked for
    lost = float((own - lengths).sum()) / max(1, int(own.sum()))
    if float(cut.float().mean()) < HALF or lost < SHARE:
        return 0.0
    ends = lengths[cut].bincount()
    return float(cut.float().mean()) if int(ends.max()) <= HALF * int(ends.sum()) else 0.0


def _cut_by_counting(lengths: Tensor, padded: Tensor) -> float:
    """The share of sequences that go on behind as many steps as they have that are not 0; 0 where
    a length is any other."""
    told = padded != 0 if padded.dim() == 2 else (padded != 0).any(2)
    count = told.sum(1).cpu()
    if not torch.equal(count.clamp(min=1), lengths):
        return 0.0
    last = (told * torch.arange(1, told.shape[1] + 1, device=told.device)).amax(1).cpu()
    return float((last > lengths).float().mean())


def packed_from(packed: PackedSequence) -> list[Tensor]:
    """``(B, T)`` or ``(B, T, I)``: the data that a batch was packed from, behind a layer with
    weights, in each layout that they may have.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import packed_from
        >>> x = torch.randint(9, (3, 4))
        >>> packed = pack_padded_sequence(torch.nn.Embedding(9, 2)(x), [4, 4, 2], batch_first=True)
        >>> (padded,) = packed_from(packed)
        >>> torch.equal(padded, x)
        True
    """
    node = packed.data.grad_fn
    if node is None or operation(node) != "PackPaddedSequence":
        return []
    below, number = node.next_functions[0]
    if below is None:
        return []
    batch, sizes = int(packed.batch_sizes[0]), shape_of(below, number)[:2]
    data = data_below(below, packed.sorted_indices)
    if data is None or batch not in sizes or sizes[0] == sizes[1]:
        return []
    (steps,) = (size for size in sizes if size != batch)
    if data.dim() > 1 and {*data.shape[:2]} == {batch, steps}:
        return [data if len(data) == batch else data.transpose(0, 1)]
    if data.dim() == 2 and len(data) == batch * steps:
        return [data.view(batch, steps, -1), data.view(steps, batch, -1).transpose(0, 1)]
    return []


@torch.no_grad()
def packed_of(packed: PackedSequence, given: Tensor) -> Tensor | None:
    """``(B, T, I)``: ``given``, if a batch was packed from it in its own order; else None.

    Each sequence is compared as far as it was packed: many may begin alike.

    Args:
        packed: a batch, whose numbers have no graph.
        given: ``(B, T, I)`` or ``(T, B, I)``.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import packed_of
        >>> x = torch.randn(3, 4, 2)
        >>> packed = pack_padded_sequence(x, [4, 4, 2], batch_first=True)
        >>> packed_of(packed, x) is x, packed_of(packed, x.flip(0))
        (True, None)
    """
    if given.dim() != 3 or given.shape[2:] != packed.data.shape[1:]:
        return None
    whole, lengths = pad_packed_sequence(packed, batch_first=True)
    behind = torch.arange(whole.shape[1]) >= lengths[:, None]
    outside = behind.to(whole.device)[..., None]
    for rows in (given, given.transpose(0, 1)):
        there = rows[:, : whole.shape[1]]
        if there.shape == whole.shape and torch.equal(there.masked_fill(outside, 0), whole):
            return given if rows is given else rows
    return None
