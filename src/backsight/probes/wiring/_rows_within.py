"""Rows that a model sorts before it packs them: whether it puts its answers back."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes.loss import LossTarget, row_keys

__all__ = ["asks_of_rows", "keys_within", "puts_back", "sorted_apart"]

FALLS = 4
"""Different lengths, less one, of either batch."""


@torch.no_grad()
def asks_of_rows(given: LossTarget, rows: Iterable[Tensor], batch: int) -> bool:
    """Whether a loss of classes at each step asks for what a model was given beside its input, row
    by row as it was given, or for all of it but the first step: as of a decoder.

    Args:
        given: one of :func:`loss_targets`.
        rows: what the model was given.
        batch: how many rows there are.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, asks_of_rows, loss_targets
        >>> z, y = torch.randn(6, 4, requires_grad=True), torch.randint(4, (3, 3))
        >>> loss = torch.nn.functional.cross_entropy(z, y[:, 1:].flatten())
        >>> (asked,) = loss_targets(LossOperations([loss]))
        >>> asks_of_rows(asked, [y], 3), asks_of_rows(asked, [y - 1], 3)
        (True, False)
    """
    target = given.target
    if not given.of_classes or target.numel() % batch or target.numel() < 2 * batch:
        return False
    asked = target.reshape(batch, -1)
    steps = asked.shape[1]
    return any(
        one.dim() == 2
        and len(one) == batch
        and one.shape[1] - steps in (0, 1)
        and torch.equal(one[:, -steps:], asked)
        for one in rows
    )


@torch.no_grad()
def keys_within(given: Tensor, packed: Tensor) -> tuple[Tensor, Tensor] | None:
    """A number of each row that a model was given, and of each that its layer was given.

    Args:
        given: ``(B, …)``, of the model.
        packed: ``(B, …)``, of the layer: the same rows, but for zeros at their ends.

    Returns:
        ``(B,)`` of either, equal for equal rows; None where the rows are others.

    Example:
        >>> import torch
        >>> from backsight.probes import keys_within
        >>> x = torch.tensor([[3, 0, 0], [5, 6, 7], [8, 9, 0]])
        >>> mine, theirs = keys_within(x, x[[1, 2, 0]])
        >>> torch.equal(mine[[1, 2, 0]], theirs), keys_within(x, x + 1)
        (True, None)
    """
    if given.dim() < 2 or len(given) != len(packed) or given.dtype != packed.dtype:
        return None
    mine, theirs = row_keys(given), row_keys(packed)
    if mine is None or theirs is None or mine.device != theirs.device:
        return None
    return (mine, theirs) if torch.equal(mine.sort().values, theirs.sort().values) else None


@torch.no_grad()
def puts_back(
    mine: Tensor, theirs: Tensor, orders: Sequence[tuple[Node, Tensor]], known: Iterable[Tensor]
) -> bool | None:
    """Whether answers to sorted rows are in the order of before.

    Args:
        mine, theirs: as of :func:`keys_within`.
        orders: as of :func:`row_orders`, those made after the packing.
        known: what the model returns or keeps beside its answers: who is told the order may sort
            the targets alike.

    Returns:
        None where that cannot be told.

    Example:
        >>> import torch
        >>> from backsight.probes import puts_back
        >>> order, node = torch.tensor([1, 2, 0]), torch.ones(1, requires_grad=True).exp().grad_fn
        >>> mine = torch.tensor([7, 8, 9])
        >>> theirs = mine[order]
        >>> puts_back(mine, theirs, [], []), puts_back(mine, theirs, [], [order])
        (False, None)
        >>> [puts_back(mine, theirs, [(node, by)], []) for by in (order.argsort(), order)]
        [True, False]
    """
    if torch.equal(mine, theirs):
        return None
    if orders:
        (_, first), *others = orders
        if any(not torch.equal(first, other) for _, other in others):
            return None
        return torch.equal(theirs[first.to(theirs.device)], mine)
    straight = torch.arange(len(mine), device=mine.device)
    for one in known:
        way = one.to(mine.device)
        if way.shape != mine.shape or not torch.equal(way.sort().values, straight):
            continue
        if torch.equal(mine[way], theirs) or torch.equal(theirs[way], mine):
            return None
    return False


def sorted_apart(first: Tensor, second: Tensor) -> bool:
    """Whether two batches have each been sorted by their own lengths, which are no pairs then.

    Args:
        first, second: ``(B,)`` lengths of the rows of either, falling.

    Returns:
        False where one may be made from the other, as by a layer that halves it, or where rows that
        belong together may have fallen in both by chance.

    Example:
        >>> import torch
        >>> from backsight.probes import sorted_apart
        >>> a = torch.tensor([9, 9, 9, 7, 7, 5, 5, 5, 4, 3, 3, 2])
        >>> b = torch.tensor([8, 8, 7, 7, 7, 6, 5, 5, 5, 5, 4, 3])
        >>> sorted_apart(a, a // 2), sorted_apart(a, b)
        (False, True)
    """
    if len(first) != len(second) or torch.equal(first, second):
        return False
    if bool((first[1:] > first[:-1]).any()) or bool((second[1:] > second[:-1]).any()):
        return False
    falls, other = first[1:] != first[:-1], second[1:] != second[:-1]
    if not bool(other[~falls].any()) or not bool(falls[~other].any()):
        return False  # equal lengths have equal ones: computed from the others
    # Pairs that have nothing to do with each other fall together once in so many.
    return int(falls.sum()) >= FALLS and int(other.sum()) >= FALLS
