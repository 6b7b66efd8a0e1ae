"""Rows of a batch that were sorted before they were packed, joined with rows that are not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved, saved_axes, shape_of
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._rows_within import sorted_apart

__all__ = ["joined_apart", "orders_before", "rows_below"]

JOINS = frozenset({
    *("Add", "Atan2", "Bmm", "Cat", "Div", "Maximum", "Minimum", "Mul", "Rsub", "Sub"),
    *("Trilinear", "Where"),
})  # fmt: skip
"""Of two tensors, row by row."""

PRODUCTS = frozenset({"Addmm", "Linear", "Mm"})
"""Of which the rows of the second operand are no rows of the result."""

REDUCED = frozenset({
    *("Amax", "Amin", "LinalgVectorNorm", "Logsumexp", "Max", "Mean", "Median", "Min", "Norm"),
    *("Prod", "Sum"),
})  # fmt: skip
"""One number of many."""

OLD, UNKNOWN = "as before", "unknown"
"""Orders of rows; the other ones are the packings that they were sorted for."""

Order = Node | str


@torch.no_grad()
def joined_apart(
    made: LossOperations,
    orders: Sequence[tuple[Node, Tensor]],
    batch: int,
    known: Mapping[Node, Tensor] | None = None,
) -> bool:
    """Whether an operation joins each row that was sorted for packing with another one's.

    That is where one of its operands is as it was packed, and the other one was put back, or never
    sorted, or is as another batch was packed that was sorted by its own lengths: a state that is
    left as it was, beside outputs that are not, or the states of two encoders. Both have their rows
    along the same axis, so that all pairs of rows are no such case.

    Args:
        made: the operations of the loss, while the graph is whole.
        orders: as of :func:`row_orders`, those that were given by hand.
        batch: how many rows there are.
        known: the order that rows were sorted by before they had a graph, by their packing.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
        >>> from backsight.probes import LossOperations, row_orders
        >>> from backsight.probes.wiring import joined_apart
        >>> lengths, embed = torch.tensor([2, 5, 3, 4]), torch.nn.Embedding(9, 3)
        >>> falling, order = lengths.sort(descending=True)
        >>> x = embed(torch.ones(4, 5, dtype=torch.long))[order]
        >>> packed = pack_padded_sequence(x, falling, batch_first=True)
        >>> out, last = torch.nn.GRU(3, 6)(packed)
        >>> out, back = pad_packed_sequence(out, batch_first=True)[0], order.argsort()
        >>> for state in (last[0], last[0][back]):
        ...     one = LossOperations([(out[back] * state[:, None]).sum()])
        ...     joined_apart(one, row_orders(one, 4), 4)
        True
        False
    """
    packings = {node for _, node in made.those({"PackPaddedSequence"})}
    by_node = dict(orders)
    before = {**orders_before(packings, by_node), **(known or {})}
    if not before or not made.whole:
        return False
    sources: dict[Node, Order] = dict.fromkeys(by_node, UNKNOWN)
    sources |= {packing: packing if packing in before else UNKNOWN for packing in packings}
    for node, way in by_node.items():
        below = rows_below([node], {*by_node, *packings} - {node})
        if len(below) == 1 and (packing := next(iter(below))) in before:
            straight = torch.arange(len(way), device=way.device)
            if torch.equal(before[packing].to(way.device)[way], straight):
                sources[node] = OLD
    for packing in packings & before.keys():
        for node in rows_below([packing], {*by_node, *packings} - {packing}) & by_node.keys():
            source = node.next_functions[0][0]
            if source is not None and source.next_functions:  # no parameter
                sources.setdefault(source, OLD)
    lengths = {packing: _lengths(packing) for packing in before}

    def apart(one: Order, other: Order) -> bool:
        if one is other or UNKNOWN in (one, other):
            return False
        if isinstance(one, str) or isinstance(other, str):
            return True
        if torch.equal(before[one], before[other]):
            return False
        return sorted_apart(lengths[one], lengths[other])

    order_of: dict[Node, frozenset[Order]] = {}
    for node in _upwards(made.roots, sources):
        if node in sources:
            order_of[node] = frozenset({sources[node]})
            continue
        given = [(b, n) for b, n in node.next_functions if b is not None and order_of[b]]
        found = frozenset().union(*(order_of[below] for below, _ in given))
        if not found:
            order_of[node] = found
            continue
        if len(given) > 1 and len(found) > 1 and operation(node) in JOINS:
            rows = [(order_of[below], _rows(node, below, n, batch)) for below, n in given]
            for at, (one, axes) in enumerate(rows):
                for other, others in rows[:at]:
                    if not axes or axes != others or len(one) > 1 or len(other) > 1:
                        continue
                    if apart(next(iter(one)), next(iter(other))):
                        return True
        order_of[node] = _kept(node, given, found, batch)
    return False


def orders_before(packings: Iterable[Node], by_node: Mapping[Node, Tensor]) -> dict[Node, Tensor]:
    """By which order the rows of each packing were sorted within the graph, if by one alone.

    Args:
        packings: operations.
        by_node: the orders that were given by hand.
    """
    packings = set(packings)
    before = {}
    for packing in packings:
        met = rows_below([packing], {*by_node, *packings} - {packing})
        ways = [by_node[node] for node in met if node in by_node]
        if ways and all(torch.equal(ways[0], way) for way in ways):
            before[packing] = ways[0]
    return before


def rows_below(begin: Iterable[Node], ends: set[Node]) -> set[Node]:
    """Which of these operations lie below others, without any of them between.

    Args:
        begin: operations to begin at.
        ends: those that are looked for.
    """
    waiting, found = list(begin), set()
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node in ends:
            found.add(node)
            continue
        below = {one for one, _ in node.next_functions if one is not None} - seen
        seen |= below
        waiting += below
    return found


def _upwards(roots: Iterable[Node], ends: Mapping[Node, object]) -> Iterator[Node]:
    """Each operation after those that it is made of; what lies below an end does not matter."""
    waiting: list[tuple[Node, bool]] = [(root, False) for root in roots]
    seen: set[Node] = set()
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            if node not in ends:
                waiting += [(one, False) for one, _ in node.next_functions if one is not None]


def _lengths(packing: Node) -> Tensor:
    """Of its rows, falling."""
    sizes: Tensor = saved(packing, "result1")  # of the batch at each step
    return (sizes[:, None] > torch.arange(int(sizes[0]), device=sizes.device)).sum(0)


def _rows(node: Node, below: Node, number: int, batch: int) -> set[int]:
    """Which axes of an operand may be that of the rows, counted from the last."""
    shape = shape_of(below, number)
    axes = {axis - len(shape) for axis, size in enumerate(shape) if size == batch}
    if operation(node) == "Bmm":
        return axes & {-3}
    if operation(node) == "Cat":
        along = {axis - len(shape) for axis in saved_axes(node, len(shape))}
        return set() if along & axes and along != {-1} else axes - along
    return axes


def _kept(
    node: Node, given: Sequence[tuple[Node, int]], found: frozenset[Order], batch: int
) -> frozenset[Order]:
    """The order of the rows of a result; unknown where it may mix them."""
    name = operation(node)
    if name in PRODUCTS and len(given) > 1:
        return frozenset({UNKNOWN})
    if name in REDUCED:
        shape = shape_of(*given[0])
        if any(shape[axis] == batch for axis in saved_axes(node, len(shape))):
            return frozenset({UNKNOWN})
    return found
