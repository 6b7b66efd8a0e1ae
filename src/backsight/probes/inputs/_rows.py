"""Which position each element of a tensor belongs to, followed through one operation of autograd.

*Rows* of a tensor are an ``int64`` tensor with as many axes: the number of the position that an
element was made from, -1 where it was made from none (padding). An axis of size 1 stands for all
of the tensor's: nothing along it belongs to another position, as with classes or units. An
operation that makes one element out of several positions has no rows.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    ALONG,
    KERNELS,
    LAYERS,
    POINTWISE,
    POINTWISE_KERNELS,
    SAME_ORDER,
    axes_of,
    blocks,
    operation,
    order_of,
    saved,
    saved_axes,
    shape_of,
    signed,
)

__all__ = ["MixedPositionsError", "is_known", "reshaped", "rows_after"]

LARGEST = 1 << 22
"""Elements that rows may be written out to, where they cannot be told by axes."""


class MixedPositionsError(Exception):
    """An element was made from several positions."""


def reshaped(rows: Tensor, old: Sequence[int], new: Sequence[int]) -> Tensor:
    """The rows of a tensor of shape ``old`` that was viewed as ``new``."""
    sizes, to = list(rows.shape), []
    for left, right in blocks(old, new):
        spread = [a for a in left if rows.shape[a] != old[a]]
        if len(spread) == sum(old[a] > 1 for a in left):
            to += [1] * len(right)
            continue
        for a in spread:
            sizes[a] = old[a]
        to += [new[a] for a in right]
    return _expanded(rows, sizes).reshape(to)


def _expanded(rows: Tensor, sizes: Sequence[int]) -> Tensor:
    if math.prod(sizes) > LARGEST:
        raise MixedPositionsError
    return rows.expand(*sizes)


def _alone(rows: Tensor, axes: Sequence[int]) -> Tensor:
    """Rows that are one and the same along each of ``axes``."""
    for axis in axes:
        if rows.shape[axis] > 1:
            first = rows.narrow(axis, 0, 1)
            if not bool((rows == first).all()):
                raise MixedPositionsError
            rows = first
    return rows


def _merged(rows: Sequence[Tensor], dims: int) -> Tensor:
    """Of an operation element by element."""
    lined = [r.reshape((1,) * (dims - r.dim()) + tuple(r.shape)) for r in rows]
    found = lined[0]
    for other in lined[1:]:
        size = torch.broadcast_shapes(found.shape, other.shape)  # type: ignore[no-untyped-call]
        found, other = found.expand(size), other.expand(size)
        if bool(((found != other) & (found >= 0) & (other >= 0)).any()):
            raise MixedPositionsError
        found = torch.where(found < 0, other, found)
    return found


# -- one operation each ------------------------------------------------------------------------
# Given the node, which output, the rows of its inputs (None of those that have none) and shapes.

OperandRows = Sequence[tuple[Tensor, tuple[int, ...]] | None]


def _pointwise(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    return _merged([pair[0] for pair in inputs if pair is not None], len(shape))


def _same_order(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    return reshaped(rows, old, shape)


def _only(inputs: OperandRows) -> tuple[Tensor, tuple[int, ...]]:
    (pair,) = [pair for pair in inputs if pair is not None]
    return pair


def _along(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    axes = saved_axes(node, len(old))
    rows = _alone(rows, axes)
    if len(shape) == len(old):
        for axis, size in enumerate(shape):  # gather may take fewer along the others
            if axis not in axes and 1 < rows.shape[axis] != size:
                rows = rows.narrow(axis, 0, size)
        return rows
    return rows.reshape([size for axis, size in enumerate(rows.shape) if axis not in axes])


def _layer(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    at = next(i for i, pair in enumerate(inputs) if pair is not None)
    rows, old = _only(inputs)
    name = operation(node)
    if name in ("NativeLayerNorm", "FusedRmsNorm"):
        return _alone(rows, range(len(old) - len(saved(node, "normalized_shape")), len(old)))
    right = at - (name in ("Addmm", "Baddbmm"))
    if right < 0:  # it is what the product is added to
        return _merged([rows], len(shape))
    return _alone(rows, [len(old) - 1 if right == 0 or name == "Linear" else len(old) - 2])


def _nll(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    axis = 1 if len(old) > 1 else 0
    rows = _alone(rows, [axis]).squeeze(axis)
    if len(shape) != rows.dim():  # already summed
        raise MixedPositionsError
    return rows


def _kernel(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    if saved(node, "reduction"):
        raise MixedPositionsError
    return _pointwise(node, number, inputs, shape)


def _transpose(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    return rows.permute(order_of(node, len(old)))


def _part(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    """Slices, splits, and single steps."""
    rows, old = _only(inputs)
    name = operation(node)
    (axis,) = saved_axes(node, len(old))
    whole = rows.shape[axis] == old[axis]
    if name in ("Select", "Unbind"):
        at = number if name == "Unbind" else signed(saved(node, "index"))
        return rows.select(axis, at if whole else 0)
    if not whole:
        return rows
    if name == "Slice":
        places = range(old[axis])[
            signed(saved(node, "start")) : signed(saved(node, "end")) : saved(node, "step")
        ]
    else:
        begin = (
            number * saved(node, "split_size")
            if name == "Split"
            else sum(saved(node, "split_sizes")[:number])
        )
        places = range(begin, begin + shape[axis])
    return rows.index_select(axis, torch.tensor(places))


def _picked(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    """By indices or a mask."""
    rows, old = _only(inputs)
    name = operation(node)
    if name == "MaskedSelect":
        mask = saved(node, "mask").cpu()
        size = torch.broadcast_shapes(old, mask.shape)  # type: ignore[no-untyped-call]
        return _expanded(rows, size)[mask.expand(size)]
    if name == "IndexSelect":
        (axis,) = saved_axes(node, len(old))
        whole = rows.shape[axis] == old[axis]
        return rows.index_select(axis, saved(node, "index").cpu()) if whole else rows
    places = [None if i is None else i.cpu() for i in saved(node, "indices")]
    used: list[int] = []
    axis = 0
    for place in places:
        wide = place.dim() if place is not None and place.dtype in (torch.bool, torch.uint8) else 1
        used += [] if place is None else range(axis, axis + wide)
        axis += wide
    sizes = [old[a] if a in used else size for a, size in enumerate(rows.shape)]
    return _expanded(rows, sizes)[tuple(slice(None) if p is None else p for p in places)]


def _moved(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    """Expanded, flipped, rolled, padded."""
    rows, old = _only(inputs)
    name = operation(node)
    if name == "Expand":
        return rows.reshape((1,) * (len(shape) - rows.dim()) + tuple(rows.shape))
    if name == "Flip":
        return rows.flip(axes_of(saved(node, "dims"), len(old)))
    if name == "Roll":
        if not saved(node, "dims"):
            raise MixedPositionsError
        return rows.roll(
            [signed(s) for s in saved(node, "shifts")], axes_of(saved(node, "dims"), len(old))
        )
    pad = [signed(p) for p in saved(node, "pad")]
    sizes = [
        size if size != old[axis] or not any(pad[2 * at : 2 * at + 2]) else old[axis]
        for axis, size in enumerate(rows.shape)
        for at in [len(old) - 1 - axis]
    ]
    used = [
        p if sizes[len(old) - 1 - i // 2] == old[len(old) - 1 - i // 2] else 0
        for i, p in enumerate(pad)
    ]
    return torch.nn.functional.pad(rows, used, value=-1)


def _joined(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    """Concatenated or stacked; what has no rows belongs to no position."""
    stacked = operation(node) == "Stack"
    (axis,) = saved_axes(node, len(shape))
    pairs = [pair for pair in inputs if pair is not None]
    if len(pairs) < len(inputs):
        raise MixedPositionsError
    if stacked:
        pairs = [(r.unsqueeze(axis), (*old[:axis], 1, *old[axis:])) for r, old in pairs]
    common = [max(r.shape[a] for r, _ in pairs) for a in range(len(shape))]
    parts = []
    for rows, old in pairs:
        sizes = [old[a] if a == axis else common[a] for a in range(len(shape))]
        parts.append(_expanded(rows, sizes))
    return torch.cat(parts, axis)


def _packed(node: Node, number: int, inputs: OperandRows, shape: tuple[int, ...]) -> Tensor:
    """``pack_padded_sequence``, once its sequences are sorted."""
    rows, old = _only(inputs)
    sizes = saved(node, "result1")
    steps = torch.arange(len(sizes)).repeat_interleave(sizes)
    sequences = torch.arange(len(steps)) - (sizes.cumsum(0) - sizes)[steps]
    whole = _expanded(rows, [*old[:2], *rows.shape[2:]])
    return whole[sequences, steps] if saved(node, "batch_first") else whole[steps, sequences]


Following = Callable[[Node, int, OperandRows, tuple[int, ...]], Tensor]

_FOLLOWED: dict[str, Following] = {
    **dict.fromkeys(POINTWISE, _pointwise),
    **dict.fromkeys(POINTWISE_KERNELS, _kernel),
    **dict.fromkeys(KERNELS - POINTWISE_KERNELS, _nll),
    **dict.fromkeys(SAME_ORDER, _same_order),
    **dict.fromkeys(ALONG, _along),
    **dict.fromkeys(LAYERS, _layer),
    **dict.fromkeys(("Permute", "T", "Transpose"), _transpose),
    **dict.fromkeys(("Select", "Slice", "Split", "SplitWithSizes", "Unbind"), _part),
    **dict.fromkeys(("Index", "IndexSelect", "MaskedSelect"), _picked),
    **dict.fromkeys(("ConstantPadNd", "Expand", "Flip", "Roll"), _moved),
    **dict.fromkeys(("Cat", "Stack"), _joined),
    "PackPaddedSequence": _packed,
}


def is_known(node: Node) -> bool:
    """Whether it is known what the operation does with positions."""
    return operation(node) in _FOLLOWED


def rows_after(node: Node, number: int, inputs: OperandRows) -> Tensor | None:
    """The rows of output ``number`` of ``node``; None of an operation that is not known.

    Args:
        node: the operation.
        number: which of its outputs.
        inputs: rows and shape of each of its inputs; None of one without.

    Raises:
        MixedPositionsError: an element of it was made from several positions.
    """
    follow = _FOLLOWED.get(operation(node))
    if follow is None:
        return None
    try:
        return follow(node, number, inputs, shape_of(node, number))
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise MixedPositionsError from error  # an operation whose node is not as it was known
