"""Views that give a tensor another shape where its axes were to be exchanged: sequences mix."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    LAYERS,
    POINTWISE,
    SAME_ORDER,
    Edge,
    blocks,
    operation,
    saved,
    saved_axes,
    shape_of,
    unpacked,
)
from backsight.probes.loss import LossOperations, compared_alike
from backsight.probes.wiring._channels_first import channels_mixed
from backsight.probes.wiring._mixed_heads import heads_mixed

__all__ = [
    "batch_axes",
    "convolved_mixed",
    "data_mixed",
    "mixes",
    "moved",
    "states_mixed",
    "views_that_mix",
]

Shape = tuple[int, ...]

ROW_BY_ROW = (
    POINTWISE
    | LAYERS
    | {
        *("AdaptiveAvgPool2D", "AvgPool2D", "Convolution", "CudnnBatchNorm", "LogSoftmax"),
        *("MaxPool2DWithIndices", "Mean", "NativeBatchNorm", "NativeGroupNorm", "Softmax"),
    }
)
"""Of a tensor whose first axis holds rows, these keep each row to itself."""

FIRST = 4
"""Convolutions farthest from the loss, which may be given data."""

FAR = 32
"""Operations between the view that joins two axes and the one that parts them."""

PADDED = ("Cat", "ConstantPadNd")
"""What comes before a view that shifts each row by one more than the last (relative positions)."""


def mixes(old: Sequence[int], new: Sequence[int], axis: int) -> bool:
    """Whether a view loses an axis and has another one of its size.

    Args:
        old: the shape before.
        new: the shape after, of as many elements in the same order.
        axis: of ``old``, that which holds the sequences.

    Example:
        >>> from backsight.probes import mixes
        >>> mixes((8, 32, 4), (32, 8, 4), 1), mixes((2, 32, 16), (32, 32), 1)
        (True, True)
        >>> mixes((8, 32, 16), (8, 32, 2, 8), 1), mixes((8, 32, 16), (256, 16), 1)
        (False, False)
    """
    try:
        parts = blocks(old, new)
    except ValueError:
        return False
    left, right = next(part for part in parts if axis in part[0])
    step = math.prod(old[a] for a in left if a > axis)
    same = [a for a in right if new[a] == old[axis] > 1]
    return bool(same) and all(math.prod(new[b] for b in right if b > a) != step for a in same)


def moved(old: Sequence[int], new: Sequence[int]) -> bool:
    """Whether a view makes steps of an axis that is not where the steps are: of frames behind
    channels, as a convolution has them.

    Args:
        old: ``(B, C, T)``, ``(B, C, T, F)`` or ``(B, C, F, T)``.
        new: ``(B, T, ·)``, what a recurrent layer is given.

    Where each of the new steps would be a whole number of old ones, or each old one of new ones,
    that may be what is meant; of two axes beside the batch, whose sizes are exchanged then.

    Example:
        >>> from backsight.probes import moved
        >>> moved((2, 8, 16, 20), (2, 16, 160)), moved((2, 8, 20, 16), (2, 16, 160))
        (True, True)
        >>> moved((2, 16, 8, 20), (2, 16, 160)), moved((2, 80, 40), (2, 40, 80))
        (False, False)
    """
    if len(new) != 3 or len(old) not in (3, 4) or old[0] != new[0]:
        return False
    inner, steps = tuple(old[1:]), new[1]
    ahead = [math.prod(inner[: n + 1]) for n in range(len(inner))]
    if math.prod(inner) != math.prod(new[1:]) or steps in ahead:
        return False
    if steps not in inner[1:] or inner.count(steps) > 1:  # of a square image, rows may be meant
        return False
    return len(inner) > 2 or bool(inner[0] % steps and steps % inner[0])


def batch_axes(sizes: Sequence[tuple[int, int]]) -> dict[Shape, int]:
    """By the first two sizes of a tensor, which axis holds its sequences; without what is unclear.

    Args:
        sizes: steps and sequences of each call of a layer.

    Example:
        >>> from backsight.probes import batch_axes
        >>> batch_axes([(8, 32)]), batch_axes([(8, 8)]), batch_axes([(8, 32), (32, 8)])
        ({(8, 32): 1, (32, 8): 0}, {}, {})
    """
    clear = {
        (steps, batch)
        for steps, batch in sizes
        if steps != batch and (batch, steps) not in sizes and min(steps, batch) > 1
    }
    return {key: axis for t, b in sorted(clear) for key, axis in (((t, b), 1), ((b, t), 0))}


def views_that_mix(
    made: LossOperations,
    axes: Mapping[Shape, int],
    states: Collection[Shape] = (),
    data: Sequence[Tensor] = (),
) -> list[tuple[Shape, Shape]]:
    """The shapes before and after of each view in the graph of a loss that mixes sequences; where
    there is none, of each that mixes the steps of an attention's heads.

    Args:
        made: the operations of the loss.
        axes: as of :func:`batch_axes`.
        states: shapes ``(L·D, B, ·)`` of initial and final states.
        data: what layers were given. A view right before a loss mixes nothing if the target lies
            as the tensor did before it.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, batch_axes, views_that_mix
        >>> states = torch.zeros(8, 32, 4, requires_grad=True).tanh()
        >>> made = LossOperations([states.view(32, 8, 4)[:, -1].sum()])
        >>> views_that_mix(made, batch_axes([(8, 32)]))
        [((8, 32, 4), (32, 8, 4))]
        >>> made = LossOperations([states.transpose(0, 1).reshape(32, -1).sum()])
        >>> views_that_mix(made, batch_axes([(8, 32)]))
        []
    """
    tokens = {
        tuple(indices.shape)
        for _, node in made.those({"Embedding"})
        if (indices := saved(node, "indices")).dim() == 2
    }
    found: dict[Node, tuple[Shape, Shape]] = {}
    for _, node in made.those(SAME_ORDER):
        below = node.next_functions[0] if node.next_functions else (None, 0)
        if below[0] is None or operation(below[0]) == "AccumulateGrad":
            continue
        old, new = shape_of(below[0], below[1]), shape_of(node, 0)
        if len(old) > 1 and _joined_along_rows(below[0], old, new, states):
            found[node] = old[-2:], new[-2:]  # without layers
        elif len(old) > 1 and _mixed((below[0], below[1]), old, new, axes, states, tokens):
            found[node] = old, new
    alike = compared_alike(made, found, data) if found else ()
    mixed = [shapes for node, shapes in found.items() if node not in alike]
    return mixed or channels_mixed(made, axes) or heads_mixed(made)


def data_mixed(x: Tensor) -> tuple[Shape, Shape] | None:
    """The shapes that a view has changed on the way from the data to ``x``, if that mixes them.

    Args:
        x: ``(·, ·)`` or ``(·, ·, I)``, without a graph: what a model was given.

    Returns:
        None where nothing is mixed, or nothing known of what ``x`` is a view of.

    Example:
        >>> import torch
        >>> from backsight.probes import data_mixed
        >>> data = torch.randn(32, 8, 3)
        >>> data_mixed(data.view(8, 32, 3)), data_mixed(data.transpose(0, 1))
        (((32, 8, 3), (8, 32, 3)), None)
    """
    base = x._base
    if base is None or x.dim() not in (2, 3) or base.dim() < 2 or not _in_rows(base):
        return None
    begins = x.storage_offset() % math.prod(base.shape[1:]) == 0
    if x.is_contiguous() and begins:
        before = (x.shape[0], *base.shape[1:])
        if moved(before, x.shape):
            return before, tuple(x.shape)
    features = math.prod(base.shape[2:])
    if features != math.prod(x.shape[2:]) or (x.dim() == 3 and features > 1 and x.stride(2) != 1):
        return None
    along = 0 if x.stride(0) > x.stride(1) else 1  # the axis that the view has put first
    rows, rest = divmod(x.stride(along), features)
    first, second = base.shape[:2]
    long, short = x.shape[along], x.shape[1 - along]
    if rest or x.stride(1 - along) != features or second == rows or min(long, short, second) < 2:
        return None
    if rows == first:  # all of the data, of which a part may have been taken since
        if first < 2 or (long != second and short != first):
            return None
    elif long != second or short != rows or not begins:
        return None
    return (rows, second, *base.shape[2:]), tuple(x.shape)


def convolved_mixed(made: LossOperations) -> list[tuple[Shape, Shape]]:
    """The same of the data that convolutions are given, of whose axes a view exchanges the sizes.

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, convolved_mixed
        >>> data, layer = torch.randn(32, 8, 3), torch.nn.Conv1d(3, 4, 2)
        >>> for x in (data.view(32, 3, 8), data.transpose(1, 2)):
        ...     convolved_mixed(LossOperations([layer(x).sum()]))
        [((32, 8, 3), (32, 3, 8))]
        []
    """
    found = []
    for _, node in made.those({"Convolution"})[-FIRST:]:
        x = None if node.next_functions[0][0] else unpacked(node, "input")
        base = None if x is None else x._base
        if x is None or base is None or not x.is_contiguous() or x.numel() != base.numel():
            continue
        old, new = tuple(base.shape), tuple(x.shape)
        if _in_rows(base) and len(old) == len(new) and _exchanged(old, new):
            found.append((old, new))
    return found


def states_mixed(state: Tensor) -> tuple[Shape, Shape] | None:
    """The same of the initial states of a layer, which were stored by sequence and then viewed.

    Args:
        state: ``(L·D, B, H)``, without a graph.

    Returns:
        None where nothing is mixed, or where all states are 0.

    Example:
        >>> import torch
        >>> from backsight.probes import states_mixed
        >>> stored = torch.randn(16, 2, 4)  # a row for each sequence
        >>> states_mixed(stored.reshape(2, 16, 4)), states_mixed(stored.transpose(0, 1))
        (((16, 2, 4), (2, 16, 4)), None)
    """
    base, shape = state._base, tuple(state.shape)
    if base is None or len(shape) != 3 or not state.is_contiguous() or not _in_rows(base):
        return None
    layers, rows, units = shape
    stored = tuple(base.shape[-3:])
    if stored != (rows, layers, units) or rows == layers or min(rows, layers) < 2:
        return None
    whole = state.storage_offset() % state.numel() == base.storage_offset() % state.numel()
    return (stored, shape) if whole and bool(state.any()) else None


def _mixed(
    below: Edge,
    old: Shape,
    new: Shape,
    axes: Mapping[Shape, int],
    states: Collection[Shape],
    tokens: set[Shape],
) -> bool:
    axis = 1 if old in states or _is_of_states(below[0], old, states) else axes.get(old[:2])
    if axis is not None and _exchanged(old, new):
        return True
    if axis is not None:
        return mixes(old, new, axis)
    if new in states and new[:2] not in axes:  # states that a layer begins with
        return mixes(new, old, 1)
    axis = axes.get(new[:2])
    if axis is not None and mixes(new, old, axis):
        return True
    if axis == 0 and moved(_shape_before(below), new):
        return True
    if old[:2] in tokens and new[:2] == old[1::-1] and old[0] != old[1] and min(old[:2]) > 1:
        source = LossOperations.source(below[0])
        return source is not None and operation(source) not in PADDED
    for joined in _joined(below) if old else ():
        axis = axes.get(joined)
        if axis is not None:
            return mixes((*joined, *old[1:]), new, axis)
    return False


def _is_of_states(node: Node, old: Shape, states: Collection[Shape]) -> bool:
    """Whether it takes some of the final states, or puts some side by side."""
    if len(old) != 3:
        return False
    if operation(node) in ("Select", "Unbind"):  # of layers and directions, which a view has parted
        below, number = node.next_functions[0]
        parted = () if below is None else shape_of(below, number)
        kept = len(parted) == 4 and parted[2:] == old[1:]
        return kept and (parted[0] * parted[1], *old[1:]) in states
    if operation(node) not in ("Index", "IndexSelect", "Slice", "Stack"):
        return False
    return any(old[1:] == shape[1:] and old[0] <= shape[0] for shape in states)


def _joined_along_rows(node: Node, old: Shape, new: Shape, states: Collection[Shape]) -> bool:
    """Whether final states were put one behind the other along the batch, and a view makes units
    of them: rows ``(2·B, H)`` as ``(B, 2·H)``, each of two sequences and one direction."""
    while operation(node) in ("Stack", "Unsqueeze") and saved_axes(node, len(old))[0] == 0:
        if not node.next_functions or node.next_functions[0][0] is None:
            return False
        node = node.next_functions[0][0]
    parts, shape = node.next_functions, shape_of(node, 0)
    if operation(node) != "Cat" or len(parts) < 2 or len(new) < 2 or shape[-2:] != old[-2:]:
        return False
    if saved_axes(node, len(shape)) != [len(shape) - 2] or old[:-2] != new[:-2]:
        return False
    rows, units = old[-2] // len(parts), old[-1]
    if rows < 2 or rows == len(parts) or new[-2:] != (rows, units * len(parts)):
        return False
    return all(below is not None and _is_one_of(below, rows, units, states) for below, _ in parts)


def _is_one_of(node: Node, rows: int, units: int, states: Collection[Shape]) -> bool:
    """Whether it takes the states ``(B, H)`` of one layer and direction."""
    if operation(node) not in ("Select", "Slice", "Unbind") or not node.next_functions:
        return False
    below, number = node.next_functions[0]
    whole = () if below is None else shape_of(below, number)
    return whole in states and whole[1:] == (rows, units) and saved_axes(node, 3) == [0]


def _shape_before(edge: Edge) -> Shape:
    """Of what a row of views begins with."""
    node, number = edge
    while operation(node) in SAME_ORDER:
        below, index = node.next_functions[0]
        if below is None or operation(below) == "AccumulateGrad":
            break
        node, number = below, index
    return shape_of(node, number)


def _exchanged(old: Shape, new: Shape) -> bool:
    """Whether a view of rows gives the sizes of other axes to each other: steps to classes.

    An axis of one element may go anywhere.
    """
    if len(old) < 3 or old[0] != new[0]:
        return False
    before, after = ([size for size in shape if size > 1] for shape in (old, new))
    return before != after and sorted(before) == sorted(after)


def _joined(edge: Edge) -> Iterator[tuple[int, int]]:
    """The two axes that were joined to the first one of a tensor, if they were."""
    rows = shape_of(*edge)[0]
    for _ in range(FAR):
        node, _ = edge
        name = operation(node)
        if name in SAME_ORDER:
            below, number = node.next_functions[0]
            old = () if below is None else shape_of(below, number)
            if len(old) > 1 and old[0] * old[1] == rows:
                yield old[0], old[1]
                return
        elif name == "Cat":
            parts = {() if n is None else shape_of(n, i) for n, i in node.next_functions}
            count = len(node.next_functions)
            if count > 1 and len(parts) == 1 and parts.pop()[:1] == (rows // count,):
                yield count, rows // count
            return
        elif name not in ROW_BY_ROW:
            return
        following = _main(node, name, rows)
        if following is None:
            yield from _joined_data(node, name, rows)
            return
        edge = following


def _joined_data(node: Node, name: str, rows: int) -> Iterator[tuple[int, int]]:
    """The same of data that a linear layer, or a convolution, was given."""
    kept = {"Addmm": "mat1", "Mm": "self", "Convolution": "input"}.get(name)
    data: Tensor | None = saved(node, kept) if kept else None
    base = None if data is None else data._base
    if data is None or base is None or base.dim() < 3 or len(data) != rows:
        return
    if math.prod(data.shape[1:]) != math.prod(base.shape[2:]):
        return
    steps = base.shape[1]
    if not _in_rows(base) or not data.is_contiguous() or rows % steps:
        return
    if data.storage_offset() % math.prod(base.shape[1:]) == 0:
        yield rows // steps, steps


def _in_rows(data: Tensor) -> bool:
    """Whether its rows lie one behind the other; the strides of a single one may be anything."""
    return data.is_contiguous() and data.numel() > 0


def _main(node: Node, name: str, rows: int) -> Edge | None:
    """Of what an operation was given, that which holds the rows."""
    given = node.next_functions[1:2] if name == "Addmm" else node.next_functions
    for below, number in given:
        if below is not None and operation(below) != "AccumulateGrad":
            shape = shape_of(below, number)
            if len(shape) > 1 and shape[0] == rows:
                return below, number
    return None
