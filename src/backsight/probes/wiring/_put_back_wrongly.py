"""Rows that are sorted before they are packed, and put back by an order that does not do it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import saved
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._joined_apart import orders_before, rows_below

__all__ = ["put_back_alike", "put_back_wrongly"]

LENGTHS = 4
"""Different ones, by which no other order sorts 8 rows once in thousands of batches."""


@torch.no_grad()
def put_back_wrongly(made: LossOperations, orders: Sequence[tuple[Node, Tensor]]) -> int:
    """Rows that the order which was to put them back leaves in the places of others.

    The order sorts the rows of before once more, as the one of before does if it is given a second
    time; or it is the inverse of that, from its end; or the inverse of what has sorted another
    batch. A shuffle is none of these.

    Args:
        made: the operations of the loss, while the graph is whole.
        orders: as of :func:`row_orders`, those that were given by hand.

    Returns:
        0 where the loss reads what was packed in another way as well.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import LossOperations, row_orders
        >>> from backsight.probes.wiring import put_back_wrongly
        >>> lengths, embed = torch.tensor([2, 5, 3, 4]), torch.nn.Embedding(9, 3)
        >>> falling, order = lengths.sort(descending=True)
        >>> x = embed(torch.ones(4, 5, dtype=torch.long))[order]
        >>> last = torch.nn.GRU(3, 5)(pack_padded_sequence(x, falling, batch_first=True))[1][0]
        >>> for back in (order, order.argsort()):
        ...     one = LossOperations([last[back].sum()])
        ...     put_back_wrongly(one, row_orders(one, 4))
        3
        0
    """
    packings = {node for _, node in made.those({"PackPaddedSequence"})}
    if not packings or len(orders) <= len(packings):
        return 0
    by_node = dict(orders)
    before = orders_before(packings, by_node)
    backs: dict[Node, list[Node]] = {}
    for node in by_node:
        for packing in rows_below([node], {*by_node, *packings} - {node}) & packings:
            backs.setdefault(packing, []).append(node)
    return max(
        (
            _misplaced(packing, before, [by_node[node] for node in nodes])
            for packing, nodes in backs.items()
            if packing in before and packing not in rows_below(made.roots, {*nodes, packing})
        ),
        default=0,
    )


@torch.no_grad()
def put_back_alike(made: LossOperations, orders: Sequence[tuple[Node, Tensor]]) -> bool:
    """Whether what was made of two packings is put back by one and the same order, and by no other:
    of batches that were sorted apart from each other, it cannot be right for both.

    Args:
        made, orders: as of :func:`put_back_wrongly`; the rows were sorted before they had a graph.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.probes import LossOperations, row_orders
        >>> from backsight.probes.wiring import put_back_alike
        >>> rnn, lengths = torch.nn.GRU(3, 5), torch.tensor([5, 4, 3, 2])
        >>> one, other = (
        ...     rnn(pack_padded_sequence(x, lengths))[1][0]
        ...     for x in torch.randn(2, 5, 4, 3, requires_grad=True)
        ... )
        >>> first, second = torch.tensor([1, 3, 0, 2]), torch.tensor([3, 1, 2, 0])
        >>> for back in (first, second):
        ...     both = LossOperations([(one[first] - other[back]).abs().sum()])
        ...     put_back_alike(both, row_orders(both, 4))
        True
        False
    """
    packings = {node for _, node in made.those({"PackPaddedSequence"})}
    nodes = {node for node, _ in orders}
    if len(packings) != 2 or len(nodes) != 2 or not torch.equal(orders[0][1], orders[1][1]):
        return False
    backs = [rows_below([node], (nodes | packings) - {node}) for node in nodes]
    of_one = all(len(below) == 1 and below <= packings for below in backs)
    return of_one and backs[0] != backs[1] and rows_below(made.roots, nodes | packings) == nodes


def _misplaced(packing: Node, before: Mapping[Node, Tensor], backs: Sequence[Tensor]) -> int:
    """Rows that all of the orders put in other places, as far as these are known as mistakes."""
    order = before[packing]
    straight = torch.arange(len(order), device=order.device)
    sizes: Tensor = saved(packing, "result1")  # of the batch at each step
    falling = (sizes[:, None] > torch.arange(len(order))).sum(0).to(order.device)
    if int((falling[1:] != falling[:-1]).sum()) + 1 < LENGTHS:
        return 0
    lengths = falling[order.argsort()]  # of the rows before they were sorted
    others = [way.argsort() for node, way in before.items() if node is not packing]
    wrong = len(order)
    for back in backs:
        rows = order[back]
        if torch.equal(rows, straight):
            return 0
        again = lengths[back].diff()
        mistake = (
            bool((again <= 0).all())
            or bool((again >= 0).all())
            or torch.equal(rows, straight.flip(0))
            or any(torch.equal(back, other) for other in others)
        )
        if not mistake:
            return 0
        wrong = min(wrong, int((rows != straight).sum()))
    return wrong
