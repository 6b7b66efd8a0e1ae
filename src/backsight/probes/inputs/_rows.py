"""Which position each element of a tensor belongs to, followed through one operation of autograd.

*Rows* of a tensor are an ``int64`` tensor with as many axes: the number of the position that an
element was made from, -1 where it was made from none (padding). An axis of size 1 stands for all
of the tensor's: nothing along it belongs to another position, as with classes or units. An
operation that makes one element out of several positions has no rows.
"""

import math
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

__all__ = [
    "KERNELS",
    "LAYERS",
    "POINTWISE",
    "SAME_ORDER",
    "MixedPositionsError",
    "feature_axes",
    "operation",
    "reshaped",
    "rows_after",
    "shape_of",
]

LARGEST = 1 << 22
"""Elements that rows may be written out to, where they cannot be told by axes."""


class MixedPositionsError(Exception):
    """An element was made from several positions."""


def operation(node: Node) -> str:
    """``Mul`` of ``MulBackward0``, ``AccumulateGrad`` of a leaf."""
    name = node.name().rpartition("::")[2]
    return re.sub(r"Backward\d*$", "", name)


def shape_of(node: Node, number: int) -> tuple[int, ...]:
    """The shape of the tensor that is output ``number`` of ``node``."""
    return tuple(map(int, node._input_metadata[number].shape))  # type: ignore[attr-defined]


POINTWISE = frozenset(
    "Abs Acos Acosh Add Addcdiv Addcmul Alias Asin Asinh Atan Atan2 Atanh Clamp ClampMax ClampMin "
    "Clone Cos Cosh Digamma Div Elu Erf Erfc Exp Exp2 Expm1 Fmax Fmin FusedDropout Gelu Hardsigmoid "
    "Hardswish Hardtanh Hypot LeakyRelu Lerp Lgamma Log Log10 Log1P Log1p Log2 LogSigmoid Logaddexp "
    "Logaddexp2 Logit MaskedFill Maximum Minimum Mish Mul Mvlgamma NanToNum NativeDropout Neg Pow "
    "Reciprocal Relu Relu6 Rsqrt Rsub SWhere Sgn Sigmoid Sign Silu Sin Sinh Softplus Softshrink "
    "Sqrt Square Sub Tan Tanh Threshold To ToCopy Where Xlogy Xlog1Py".split()
)
"""Element by element, with broadcasting."""

POINTWISE_KERNELS = frozenset(
    "BinaryCrossEntropy BinaryCrossEntropyWithLogits HuberLoss KlDiv L1Loss MseLoss SmoothL1Loss "
    "SoftMarginLoss".split()
)
KERNELS = POINTWISE_KERNELS | {"MultiMarginLoss", "MultilabelMarginLoss", "NllLoss", "NllLoss2D"}
"""PyTorch's losses: element by element, or one number a row of classes; or already reduced."""

SAME_ORDER = frozenset("ReshapeAlias Squeeze Unflatten UnsafeView Unsqueeze View".split())
"""The same elements in the same order, in another shape."""

LAYERS = frozenset("Addmm Baddbmm Bmm Linear Mm NativeLayerNorm FusedRmsNorm".split())
"""Mixes units of one position."""

ALONG = frozenset(
    "Amax Amin Cumsum Gather LinalgVectorNorm LogSoftmax Logcumsumexp Logsumexp Max Mean Median Min "
    "Nansum Norm Prod Softmax Sort Std Sum Topk Var".split()
)
"""Mixes what lies along some axes: sound where that is all of one position."""


def _axes(values: int | Sequence[int] | None, dims: int) -> list[int]:
    """Saved dimensions, which autograd shows as unsigned numbers; all where none was given."""
    if values is None or (not isinstance(values, int) and not len(values)):
        return list(range(dims))
    several = [values] if isinstance(values, int) else values
    return [(v - (1 << 64) if v >= 1 << 63 else v) % max(dims, 1) for v in several]


def _saved_axes(node: Node, dims: int) -> list[int]:
    return _axes(getattr(node, "_saved_dim", None), dims)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _blocks(
    old: Sequence[int], new: Sequence[int]
) -> list[tuple[list[int], list[int]]]:
    """Axes of ``old`` and of ``new`` that hold the same elements, in order."""
    if math.prod(old) != math.prod(new) or not math.prod(old):
        raise MixedPositionsError
    found = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [*range(i, min(i + 1, len(old)))], [*range(j, min(j + 1, len(new)))]
        i, j = i + len(left), j + len(right)
        sizes = math.prod(old[a] for a in left), math.prod(new[a] for a in right)
        while sizes[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
            sizes = math.prod(old[a] for a in left), math.prod(new[a] for a in right)
        found.append((left, right))
    return found


def reshaped(rows: Tensor, old: Sequence[int], new: Sequence[int]) -> Tensor:
    """The rows of a tensor of shape ``old`` that was viewed as ``new``."""
    sizes, to = list(rows.shape), []
    for left, right in _blocks(old, new):
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
        found, other = torch.broadcast_tensors(found, other)
        if bool(((found != other) & (found >= 0) & (other >= 0)).any()):
            raise MixedPositionsError
        found = torch.where(found < 0, other, found)
    return found


# -- one operation each ------------------------------------------------------------------------
# Given the node, which output, the rows of its inputs (None of those that have none) and shapes.

Inputs = Sequence[tuple[Tensor, tuple[int, ...]] | None]


def _pointwise(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    return _merged([pair[0] for pair in inputs if pair is not None], len(shape))


def _same_order(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    return reshaped(rows, old, shape)


def _only(inputs: Inputs) -> tuple[Tensor, tuple[int, ...]]:
    (pair,) = [pair for pair in inputs if pair is not None]
    return pair


def _along(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    axes = _saved_axes(node, len(old))
    rows = _alone(rows, axes)
    if len(shape) == len(old):
        for axis, size in enumerate(shape):  # gather may take fewer along the others
            if axis not in axes and 1 < rows.shape[axis] != size:
                rows = rows.narrow(axis, 0, size)
        return rows
    return rows.reshape([size for axis, size in enumerate(rows.shape) if axis not in axes])


def _layer(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    at = next(i for i, pair in enumerate(inputs) if pair is not None)
    rows, old = _only(inputs)
    name = operation(node)
    if name in ("NativeLayerNorm", "FusedRmsNorm"):
        return _alone(rows, range(len(old) - len(node._saved_normalized_shape), len(old)))  # type: ignore[attr-defined]
    right = at - (name in ("Addmm", "Baddbmm"))
    if right < 0:  # it is what the product is added to
        return _merged([rows], len(shape))
    return _alone(rows, [len(old) - 1 if right == 0 or name == "Linear" else len(old) - 2])


def _nll(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    axis = 1 if len(old) > 1 else 0
    rows = _alone(rows, [axis]).squeeze(axis)
    if len(shape) != rows.dim():  # already summed
        raise MixedPositionsError
    return rows


def _kernel(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    if node._saved_reduction:  # type: ignore[attr-defined]
        raise MixedPositionsError
    return _pointwise(node, number, inputs, shape)


def _transpose(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    rows, old = _only(inputs)
    return rows.permute(_order(node, len(old)))


def _order(node: Node, dims: int) -> list[int]:
    name = operation(node)
    if name == "Permute":
        return _axes(node._saved_dims, dims)  # type: ignore[attr-defined]
    order = list(range(dims))
    both = (0, 1) if name == "T" else (node._saved_dim0, node._saved_dim1)  # type: ignore[attr-defined]
    a, b = _axes(both, dims)
    order[a], order[b] = order[b], order[a]
    return order


def _part(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    """Slices, splits, and single steps."""
    rows, old = _only(inputs)
    name = operation(node)
    (axis,) = _saved_axes(node, len(old))
    whole = rows.shape[axis] == old[axis]
    if name in ("Select", "Unbind"):
        at = number if name == "Unbind" else _signed(node._saved_index)  # type: ignore[attr-defined]
        return rows.select(axis, at if whole else 0)
    if not whole:
        return rows
    if name == "Slice":
        begin, end = _signed(node._saved_start), _signed(node._saved_end)  # type: ignore[attr-defined]
        cut = slice(begin, end, node._saved_step)  # type: ignore[attr-defined]
        at = torch.arange(old[axis])[cut]
    elif name == "Split":
        begin = number * node._saved_split_size  # type: ignore[attr-defined]
        at = torch.arange(begin, begin + shape[axis])
    else:
        begin = sum(node._saved_split_sizes[:number])  # type: ignore[attr-defined]
        at = torch.arange(begin, begin + shape[axis])
    return rows.index_select(axis, at)


def _picked(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    """By indices or a mask."""
    rows, old = _only(inputs)
    name = operation(node)
    if name == "MaskedSelect":
        mask = node._saved_mask.cpu()  # type: ignore[attr-defined]
        return _expanded(rows, old).expand(torch.broadcast_shapes(old, mask.shape))[
            mask.expand(torch.broadcast_shapes(old, mask.shape))
        ]
    if name == "IndexSelect":
        (axis,) = _saved_axes(node, len(old))
        whole = rows.shape[axis] == old[axis]
        return rows.index_select(axis, node._saved_index.cpu()) if whole else rows  # type: ignore[attr-defined]
    places = [None if i is None else i.cpu() for i in node._saved_indices]  # type: ignore[attr-defined]
    used: list[int] = []
    axis = 0
    for place in places:
        wide = place.dim() if place is not None and place.dtype in (torch.bool, torch.uint8) else 1
        used += [] if place is None else range(axis, axis + wide)
        axis += wide
    sizes = [old[a] if a in used else size for a, size in enumerate(rows.shape)]
    return _expanded(rows, sizes)[tuple(slice(None) if p is None else p for p in places)]


def _moved(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    """Expanded, flipped, rolled, padded."""
    rows, old = _only(inputs)
    name = operation(node)
    if name == "Expand":
        return rows.reshape((1,) * (len(shape) - rows.dim()) + tuple(rows.shape))
    if name == "Flip":
        return rows.flip(_axes(node._saved_dims, len(old)))  # type: ignore[attr-defined]
    if name == "Roll":
        if not node._saved_dims:  # type: ignore[attr-defined]
            raise MixedPositionsError
        return rows.roll([_signed(s) for s in node._saved_shifts], _axes(node._saved_dims, len(old)))  # type: ignore[attr-defined]
    pad = [_signed(p) for p in node._saved_pad]  # type: ignore[attr-defined]
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


def _joined(node: Node, number: int, inputs: Inputs, shape: tuple[int, ...]) -> Tensor:
    """Concatenated or stacked; what has no rows belongs to no position."""
    stacked = operation(node) == "Stack"
    (axis,) = _saved_axes(node, len(shape))
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


Following = Callable[[Node, int, Inputs, tuple[int, ...]], Tensor]

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
}


def rows_after(node: Node, number: int, inputs: Inputs) -> Tensor | None:
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


def feature_axes(node: Node, number: int, limit: int = 20) -> set[int]:
    """Axes that are known to be classes or units, by the operation that made them."""
    if limit == 0:
        return set()
    name, shape = operation(node), shape_of(node, number)
    dims = len(shape)
    if name in ("LogSoftmax", "Softmax"):
        return set(_saved_axes(node, dims))
    if name in ("NativeLayerNorm", "FusedRmsNorm"):
        return set(range(dims - len(node._saved_normalized_shape), dims))  # type: ignore[attr-defined]
    if name in LAYERS:
        return {dims - 1}
    below = [(n, i) for n, i in node.next_functions if n is not None and operation(n)]
    below = [(n, i) for n, i in below if operation(n) != "AccumulateGrad"]
    if not below:
        return set()
    old = shape_of(*below[0])
    if name in POINTWISE or name in POINTWISE_KERNELS:
        alike = [edge for edge in below if shape_of(*edge) == shape]
        return feature_axes(*alike[0], limit - 1) if alike else set()
    known = feature_axes(*below[0], limit - 1)
    if name in SAME_ORDER:
        return {
            axis
            for left, right in _blocks(old, shape)
            if left and all(a in known or old[a] == 1 for a in left) and known & set(left)
            for axis in right
        }
    if name in ("Permute", "T", "Transpose"):
        return {new for new, was in enumerate(_order(node, dims)) if was in known}
    if name in ("Slice", "Split", "SplitWithSizes"):
        return known
    if name in ("Select", "Unbind"):
        (axis,) = _saved_axes(node, len(old))
        return {a - (a > axis) for a in known if a != axis}
    return set()
