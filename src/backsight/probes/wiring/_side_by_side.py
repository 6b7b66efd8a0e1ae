"""States of a loop that are put side by side, of which a loss reads the first one or the last."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from torch.autograd.graph import Node

from backsight.probes._operations import (
    POINTWISE,
    SAME_ORDER,
    Edge,
    axes_of,
    operation,
    saved,
    shape_of,
    signed,
)
from backsight.probes.loss import LossOperations

__all__ = ["one_step_alone", "steps_side_by_side"]

FEWEST = 3
"""Steps of a loop."""

FAR = 400
"""Operations of one step of a loop that is no module."""

CHOOSES = frozenset({
    *("CopySlices", "Index", "IndexCopy", "IndexPut", "MaskedFill", "MaskedScatter", "SWhere"),
    *("Scatter", "Where"),
})  # fmt: skip
"""What takes rows from several tensors, or leaves some as they are."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What an index takes of several states that were put side by side."""

    chosen: Node
    parts: tuple[Node, ...]


def one_step_alone(made: LossOperations, *, last: bool = False) -> int:
    """Steps of a loop whose states are put side by side and of which an index takes the first one.

    Of the parts of a ``cat`` or ``stack``, made in an order in which each depends on the one
    before, the index takes the one that was made first; and nothing else in the graph leads to
    any of the others.

    Args:
        made: the operations of the loss, while the graph is whole.
        last: ask for the one that was made last, if the others are reached through it alone and no
            data decide whether it is a new state or the one before.

    Returns:
        0 where there is no such thing.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, one_step_alone
        >>> weight, state, states = torch.ones(2, 2, requires_grad=True), torch.zeros(3, 2), []
        >>> for _ in range(5):
        ...     state = torch.tanh(state @ weight + 1)
        ...     states.append(state)
        >>> forwards, backwards = torch.stack(states, 1), torch.stack(states[::-1], 1)
        >>> [one_step_alone(LossOperations([x[:, -1].sum()])) for x in (forwards, backwards)]
        [0, 5]
        >>> [one_step_alone(LossOperations([x[:, -1].sum()]), last=True)
        ...  for x in (forwards, backwards)]
        [5, 0]
    """
    taken: dict[Node, list[_Taken]] = {}
    for name, node in made.those({"Select", "Slice"}):
        found = list(_taken(node, name))
        if found:
            taken[node] = found
    end = max if last else min
    told = [
        one for each in taken.values() for one in each if one.chosen is end(one.parts, key=_when)
    ]
    if not told:
        return 0
    reached = _reached(made, taken, {one.chosen for one in told} if last else set())
    for one in told:
        if reached.isdisjoint(set(one.parts) - {one.chosen}) and _goes_on(one.parts):
            return 0 if last and _may_stop(one.parts) else len(one.parts)
    return 0


def steps_side_by_side(made: LossOperations) -> set[tuple[int, int]]:
    """Steps and sequences of loops whose states are put side by side, each made from the last one.

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, steps_side_by_side
        >>> weight, state, states = torch.ones(2, 2, requires_grad=True), torch.zeros(3, 2), []
        >>> for _ in range(5):
        ...     state = torch.tanh(state @ weight + 1)
        ...     states.append(state)
        >>> steps_side_by_side(LossOperations([torch.cat(states).sum()]))
        {(5, 3)}
    """
    found = set()
    for _, node in made.those({"Cat", "Stack"}):
        if len(node.next_functions) < FEWEST:
            continue
        inner = [(n, i) for n, i in node.next_functions if n is not None]
        parts = [_state(edge) for edge in inner]
        shapes = {shape_of(part, 0) for part in parts}
        if len(parts) != len(node.next_functions) or len(shapes) != 1 or len(set(parts)) < FEWEST:
            continue
        (shape,) = shapes
        if len(shape) == 2 and _goes_on(parts):
            found.add((len(parts), shape[0]))
    return found


def _when(node: Node) -> int:
    return node._sequence_nr()


def _taken(node: Node, name: str) -> Iterator[_Taken]:
    """What an operation takes, if it takes one place along an axis of states side by side."""
    below, number = node.next_functions[0]
    if below is None:
        return
    shape = shape_of(below, number)
    (axis,) = axes_of(int(saved(node, "dim")), len(shape))
    if name == "Select":
        place = signed(int(saved(node, "index"))) % shape[axis]
    elif shape_of(node, 0)[axis] == 1 < shape[axis]:
        place = signed(int(saved(node, "start"))) % shape[axis]
    else:
        return
    waiting = [((below, number), axis, place)]
    for _ in range(FAR):
        if not waiting:
            return
        edge, axis, place = waiting.pop()
        parts = _parts(edge, axis)
        if len(parts) >= FEWEST and len(parts) == shape_of(*edge)[axis]:
            yield _Taken(parts[place], tuple(parts))
        else:
            waiting += _further(edge, axis, place)


def _parts(edge: Edge, axis: int) -> list[Node]:
    """The states that were put side by side along an axis, one a place."""
    waiting, found = [edge], []
    while waiting:
        node, number = waiting.pop()
        name, shape = operation(node), shape_of(node, number)
        inner = [(n, i) for n, i in node.next_functions if n is not None]
        whole = len(inner) == len(node.next_functions)
        if name == "Stack" and whole and axes_of(int(saved(node, "dim")), len(shape)) == [axis]:
            found += [_state(part) for part in inner]
        elif name == "Cat" and whole and axes_of(int(saved(node, "dim")), len(shape)) == [axis]:
            waiting += reversed(inner)
        elif shape[axis] == 1:
            found.append(_state((node, number)))
        else:
            return []
    return found


def _state(edge: Edge) -> Node:
    """Without the views that give it an axis of steps."""
    node = edge[0]
    while operation(node) in SAME_ORDER and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return node


def _further(edge: Edge, axis: int, place: int) -> list[tuple[Edge, int, int]]:
    """Where the same place is before an operation that keeps steps apart."""
    node, number = edge
    name, shape = operation(node), shape_of(node, number)
    inner = [(n, i) for n, i in node.next_functions if n is not None]
    if name == "Cat":
        same = [one for one in inner if shape_of(*one)[axis] == shape[axis]]
        return [(one, axis, place) for one in same] if len(same) == len(inner) else []
    if name == "Flip":
        turned = axis in axes_of(list(saved(node, "dims")), len(shape))
        return [(inner[0], axis, shape[axis] - 1 - place if turned else place)]
    if name in ("Transpose", "Permute"):
        order = list(range(len(shape)))
        if name == "Permute":
            order = axes_of(list(saved(node, "dims")), len(shape))
        else:
            a, b = axes_of([saved(node, "dim0"), saved(node, "dim1")], len(shape))
            order[a], order[b] = b, a
        return [(inner[0], order[axis], place)]
    if name in POINTWISE or name == "Slice":
        return [(one, axis, place) for one in inner if shape_of(*one) == shape]
    if name in SAME_ORDER and len(shape) == 3:  # a linear layer of each step
        product = inner[0][0]
        given = [n for n, _ in product.next_functions if n is not None]
        views = [n for n in given if operation(n) in SAME_ORDER]
        if operation(product) not in ("Addmm", "Mm") or len(views) != 1:
            return []
        before, at = views[0].next_functions[0]
        if before is not None and shape_of(before, at)[:2] == shape[:2]:
            return [((before, at), axis, place)]
    return []


def _reached(made: LossOperations, taken: dict[Node, list[_Taken]], ends: Set[Node]) -> set[Node]:
    """Operations that a gradient other than 0 may arrive at: an index leads to what it takes. It
    is followed no further than the ``ends``."""
    waiting = list(made.roots)
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node in ends:
            continue
        found = taken.get(node)
        below = (
            [n for n, _ in node.next_functions if n is not None]
            if found is None
            else [one.chosen for one in found]
        )
        new = [n for n in below if n not in seen]
        waiting += new
        seen.update(new)
    return seen


def _may_stop(parts: Sequence[Node]) -> bool:
    """Whether the last state may be the one before, for some of the rows: data choose, or weigh."""
    *_, before, newest = sorted(parts, key=_when)
    waiting, seen = [newest], {newest}
    while waiting and len(seen) < FAR:
        node = waiting.pop()
        below = [n for n, _ in node.next_functions]
        if operation(node) in CHOOSES or (operation(node) == "Mul" and None in below):
            return True
        new = [n for n in below if n is not None and n not in seen and _when(n) > _when(before)]
        waiting += [n for n in new if operation(n) != "AccumulateGrad"]
        seen.update(new)
    return False


def _goes_on(parts: Sequence[Node]) -> bool:
    """Whether the third state is made from something that was made with the second one.

    Parts that are made one by one, each from its own input, have only what was before all of them
    in common.
    """
    first, second, third, *_ = sorted(parts, key=_when)
    waiting, seen = [third], {third}
    for _ in range(FAR):
        if not waiting:
            return False
        node = waiting.pop()
        if _when(first) < _when(node) <= _when(second):
            return True
        for below, _ in node.next_functions:
            if below is not None and below not in seen and operation(below) != "AccumulateGrad":
                seen.add(below)
                if _when(below) > _when(first):
                    waiting.append(below)
    return False
