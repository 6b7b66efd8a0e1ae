"""Whether the rows of a batch meet their targets in the same order."""

import math

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved, shape_of
from backsight.probes._padding import is_padding, padding_of
from backsight.probes.loss import LossOperations

__all__ = ["row_orders", "rows_lost", "rows_out_of_order", "rows_sorted"]

CHANCE = 1e-3
"""Up to which two batches of independent lengths have the same lengths in another order."""


@torch.no_grad()
def rows_out_of_order(lengths: Tensor, asked: Tensor) -> int | None:
    """Rows whose targets are those of another row, as far as lengths tell.

    Args:
        lengths: ``(B,)``, steps of each row before its padding.
        asked: ``(B, T)``, targets, in whatever order of rows.

    Returns:
        0 where the targets have the lengths of the rows; None where they do not end in padding, or
        are other ones than the rows have, in any order.

    Example:
        >>> import torch
        >>> from backsight.probes import rows_out_of_order
        >>> lengths = torch.arange(32) % 10 + 2
        >>> asked = (torch.arange(12) < lengths[:, None]).long() * torch.randint(1, 9, (32, 12))
        >>> rows_out_of_order(lengths, asked)
        0
        >>> longest_first = lengths.argsort(descending=True)
        >>> rows_out_of_order(lengths[longest_first], asked) > 20
        True
    """
    if asked.dim() != 2 or len(asked) != len(lengths) or asked.shape[1] < 2:
        return None
    at_end, inside = padding_of(asked)
    theirs = asked.shape[1] - at_end.sum(1)
    lengths = lengths.to(theirs.device)
    if not torch.equal(theirs.sort().values, lengths.sort().values):
        return None
    several, batch = len(set(lengths.tolist())), len(lengths)
    by_chance = several ** (several / 2) / (2 * math.pi * batch) ** ((several - 1) / 2)
    if by_chance > CHANCE or not is_padding(at_end, inside):
        return None
    return int((theirs != lengths).sum())


def row_orders(made: LossOperations, batch: int) -> list[tuple[Node, Tensor]]:
    """The operations of a graph that put the rows of a batch into another order, and that order.

    Args:
        made: the operations of the loss.
        batch: how many rows there are.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, row_orders
        >>> x, order = torch.ones(3, 2, requires_grad=True), torch.tensor([2, 0, 1])
        >>> [index.tolist() for _, index in row_orders(LossOperations([(2 * x)[order].sum()]), 3)]
        [[2, 0, 1]]
        >>> row_orders(LossOperations([(2 * x)[[0, 1, 1]].sum()]), 3)
        []
        >>> put = torch.zeros(3, 2).index_copy(0, order, 2 * x)
        >>> [index.tolist() for _, index in row_orders(LossOperations([put.sum()]), 3)]
        [[1, 2, 0]]
    """
    found = []
    for name, node in made.those({"Index", "IndexCopy", "IndexPut", "IndexSelect"}):
        index: Tensor | None = None
        if name in ("IndexCopy", "IndexSelect"):
            index = saved(node, "index")
        else:
            given = [one for one in saved(node, "indices") if one is not None]
            index = given[0] if len(given) == 1 else None
        if index is None or index.shape != (batch,) or index.is_floating_point():
            continue
        straight = torch.arange(batch, device=index.device)
        if torch.equal(index.sort().values, straight) and not torch.equal(index, straight):
            puts = name in ("IndexCopy", "IndexPut")  # rows to places, not rows from places
            found.append((node, index.argsort() if puts else index))
    return found


def rows_sorted(made: LossOperations, orders: list[tuple[Node, Tensor]]) -> int:
    """Rows that another order was given before they were packed, and that nothing puts back.

    Args:
        made: the operations of the loss.
        orders: those of :func:`row_orders` that were given by hand.

    Returns:
        0 unless there is one such operation alone, made before the only packing of the graph.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import LossOperations, row_orders, rows_sorted
        >>> embed, order = torch.nn.Embedding(9, 3), torch.tensor([2, 0, 1])
        >>> def made(back):
        ...     x = embed(torch.ones(3, 4, dtype=torch.long))[order]
        ...     packed = pack_padded_sequence(x, [4, 3, 2], batch_first=True)
        ...     last = torch.nn.GRU(3, 5)(packed)[1][0]
        ...     return LossOperations([(last[back] if back is not None else last).sum()])
        >>> for back in (None, order.argsort()):
        ...     one = made(back)
        ...     print(rows_sorted(one, row_orders(one, 3)))
        3
        0
    """
    packing = [node for _, node in made.those({"PackPaddedSequence"})]
    if len(packing) != 1 or len(orders) != 1:
        return 0
    ((node, index),) = orders
    if node._sequence_nr() > packing[0]._sequence_nr():
        return 0
    return len(index) if len(index) in shape_of(node, 0)[:2] else 0


def rows_lost(made: LossOperations, batch: int) -> int:
    """Rows of a batch that are taken apart and put together again without them, others twice.

    Args:
        made: the operations of the loss.
        batch: how many rows there are.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, rows_lost
        >>> rows = torch.randn(3, 4, requires_grad=True)
        >>> for order in ([2, 0, 1], [2, 0, 2]):
        ...     each = rows.tanh().unbind(0)
        ...     rows_lost(LossOperations([torch.stack([each[i] for i in order]).sum()]), 3)
        0
        1
    """
    lost = 0
    for _, node in made.those({"Stack"}):
        if len(node.next_functions) != batch or node._saved_dim:  # type: ignore[attr-defined]
            continue
        rows = [_row_of(*below) for below in node.next_functions]
        if None not in rows and len({row[0] for row in rows if row is not None}) == 1:
            lost = max(lost, batch - len(set(rows)))
    return lost


def _row_of(node: Node | None, number: int) -> tuple[Node | None, int] | None:
    """Of which operation's result something is one row, and which; None where it is none."""
    name = "" if node is None else operation(node)
    if node is None or name not in ("Select", "Unbind") or node._saved_dim:  # type: ignore[attr-defined]
        return None
    if name == "Unbind":
        return node, number
    return node.next_functions[0][0], node._saved_index  # type: ignore[attr-defined]
