"""Time or depth: a step of time takes in something that the steps before have not taken in.

A weight that is used again and again may also be that of a layer that is repeated (ALBERT, a
universal transformer, the iterations of an equilibrium). Such a step is given the state alone, or
the same input each time.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import Edge, operation, saved_axes, shape_of, unpacked
from backsight.probes.loops._dropped_out import DroppedOut, dropped_out
from backsight.probes.loops._weights import PRODUCTS, Graph, bare

__all__ = ["takes_input"]

COMPARED = 6
"""Steps whose inputs are compared."""

LEAST_KEPT = 3
"""Elements that two masks leave, for what they mask to be compared: equal floats are no chance."""

NEAR = 256
"""Operations of a step that are looked at, nearest to its state first."""

PLACES = ("dim", "index", "start", "end", "step")
"""What autograd keeps of the place that was taken out of a tensor."""


class _Given(NamedTuple):
    """What an operation was given."""

    name: str
    """Its kind."""
    places: tuple[int, ...]
    """Or indices."""
    value: Tensor | None
    """Where there is any."""
    begin: int = -1
    """Where that begins in what it was joined to; -1 where it is all."""


def takes_input(chain: Sequence[Edge], graph: Graph, depth: Callable[[Node], int]) -> bool:
    """Whether steps of a loop are given different inputs.

    Args:
        chain: its states.
        graph: of the loss.
        depth: how many products of its weight lie on the way to an operation.
    """
    count = len(chain)
    places = sorted({round(n * (count - 1) / (COMPARED - 1)) for n in range(COMPARED)} | {1})
    given = [[*_given(chain[place][0], graph, depth)] for place in places]
    dropped: dict[int, DroppedOut] = {}
    for before, after in itertools.pairwise(given):
        for number, (a, b) in enumerate(zip(before, after, strict=False)):
            if _differ(a, b):
                if a.value is None or b.value is None or not dropped_out(a.value, b.value):
                    return True
                dropped.setdefault(number, DroppedOut()).add(a.value, b.value)
    return any(one.differ for one in dropped.values())


def _given(state: Node, graph: Graph, depth: Callable[[Node], int]) -> Iterator[_Given]:
    """What goes into the step that made ``state``, in the same order in each step."""
    at = depth(state)
    seen, waiting = {state}, [state]
    for node in waiting:
        if len(waiting) > NEAR:
            break
        yield from _taken(node, operation(node), graph)
        for below in _below(node, graph, depth, at):
            if below not in seen:
                seen.add(below)
                waiting.append(below)


def _below(node: Node, graph: Graph, depth: Callable[[Node], int], at: int) -> Iterator[Node]:
    """What goes into an operation of the step, and what is joined, or added, to the state before.

    Nothing that was made of parameters alone.
    """
    for below, _ in graph.below.get(node, ()):
        if depth(below) in (0, at):
            beside = [below]
        elif operation(below) in ("Add", "Cat"):
            beside = [piece for piece, _ in graph.below.get(below, ()) if depth(piece) in (0, at)]
        else:
            continue
        yield from (one for one in beside if one not in graph.constant)


def _taken(node: Node, name: str, graph: Graph) -> Iterator[_Given]:
    if name in ("Select", "Slice"):
        places = [getattr(node, f"_saved_{one}", 0) for one in PLACES]
        yield _Given(name, tuple(place for place in places if isinstance(place, int)), None)
    elif name in ("Embedding", "IndexSelect", "Gather"):
        for saved in ("indices", "index"):
            if hasattr(node, f"_raw_saved_{saved}"):
                yield from _told(name, (), unpacked(node, saved))
    for below, number in node.next_functions:
        if below is not None and operation(below) in ("Unbind", "Split", "SplitWithSizes"):
            yield _Given(operation(below), (number,), None)
    if name in PRODUCTS:
        yield from _operands(node, name, graph)


def _operands(node: Node, name: str, graph: Graph) -> Iterator[_Given]:
    """Data in a product, be it beside a state."""
    product = PRODUCTS[name]
    pairs = node.next_functions[product.at : product.at + 2]
    # Products of one weight are compared with each other.
    weights = tuple(
        id(graph.constant[n]) for n, _ in pairs if n is not None and n in graph.constant
    )
    for (below, number), saved in zip(pairs, product.saved, strict=True):
        if below is None:
            yield from _told(name, weights, unpacked(node, saved))
        elif below not in graph.constant:
            (joined, _), turned = bare((below, number))
            if operation(joined) == "Cat" and not turned:
                value = unpacked(node, saved)
                begin, beside = (0, None) if value is None else _beside(joined, value)
                yield from _told(name, weights, beside, begin)


def _told(
    name: str, places: tuple[int, ...], value: Tensor | None, begin: int = -1
) -> Iterator[_Given]:
    """Nothing where the value cannot be told."""
    if value is not None:
        yield _Given(name, places, value, begin)


def _beside(joined: Node, value: Tensor) -> tuple[int, Tensor | None]:
    """What was joined to a state and has no gradient, where its place can be told; and its place,
    where it is the last axis that was joined."""
    shape = shape_of(joined, 0)
    (axis,) = saved_axes(joined, len(shape))
    sizes = [shape_of(n, i)[axis] if n is not None else None for n, i in joined.next_functions]
    if sizes.count(None) != 1 or value.numel() != torch.Size(shape).numel():
        return -1, None
    place = sizes.index(None)
    begin = sum(size for size in sizes[:place] if size is not None)
    rest = sum(size for size in sizes if size is not None)
    found = value.reshape(shape).narrow(axis, begin, shape[axis] - rest)
    return begin if axis == len(shape) - 1 else -1, found


def _differ(one: _Given, other: _Given) -> bool:
    """Whether two steps were given different things in the same place.

    A number that all sequences are given alike is the step's own: its time, in a solver.
    """
    (name, places, a, _), (other_name, other_places, b, begin) = one, other
    if name != other_name:
        return False
    if a is None or b is None:
        return places != other_places
    wide = one.begin < 0 <= begin and a.dim() == b.dim() and a.shape[-1] > b.shape[-1]
    if wide and begin + b.shape[-1] <= a.shape[-1]:
        a = a.narrow(-1, begin, b.shape[-1])  # a first state without a gradient is there as well
    if (
        places != other_places
        or a.shape != b.shape
        or a.dtype != b.dtype
        or a.layout != torch.strided
    ):
        return False
    a, b = a.detach(), b.detach()
    unlike = a != b
    if not bool(unlike.any()) or _masked_alike(a, b):
        return False
    if a.dim() < 2 or a.shape[0] < 2 or not a.is_floating_point():
        return a.numel() > 1
    change = a - b
    return bool((change != change[:1]).any())


def _masked_alike(a: Tensor, b: Tensor) -> bool:
    """Whether both are one tensor under different masks, as of dropout: repeated, not news.

    Their elements are the same wherever both have one, and there are several values among these.
    """
    kept = (a != 0) & (b != 0)
    values = a[kept]
    several = values.numel() >= LEAST_KEPT and bool((values != values[0]).any())
    return several and torch.equal(values, b[kept])
