"""The operations of autograd's graph: what kind each is of, and which axes it keeps."""

import functools
import math
import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

__all__ = [
    "ALONG",
    "KERNELS",
    "LAYERS",
    "PLAIN",
    "POINTWISE",
    "POINTWISE_KERNELS",
    "REDUCTIONS",
    "SAME_ORDER",
    "Edge",
    "axes_of",
    "blocks",
    "exponent_of",
    "feature_axes",
    "is_square",
    "operation",
    "order_of",
    "saved",
    "saved_axes",
    "shape_of",
    "signed",
    "unpacked",
]

Edge = tuple[Node, int]
"""A tensor of a graph: the operation that made it, and which of its outputs it is."""


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


POINTWISE = _named("""
    Abs Acos Acosh Add Addcdiv Addcmul Alias Asin Asinh Atan Atan2 Atanh Clamp ClampMax ClampMin
    Clone Cos Cosh Digamma Div Elu Erf Erfc Exp Exp2 Expm1 Fmax Fmin FusedDropout Gelu Hardsigmoid
    Hardswish Hardtanh Hypot LeakyRelu Lerp Lgamma Log Log10 Log1P Log1p Log2 LogSigmoid Logaddexp
    Logaddexp2 Logit MaskedFill Maximum Minimum Mish Mul Mvlgamma NanToNum NativeDropout Neg Pow
    Reciprocal Relu Relu6 Rsqrt Rsub SWhere Sgn Sigmoid Sign Silu Sin Sinh Softplus Softshrink
    Sqrt Square Sub Tan Tanh Threshold To ToCopy Where Xlogy Xlog1Py
""")
"""Element by element, with broadcasting."""

PLAIN = _named("Add Alias Clone Div Neg Rsub Sub To ToCopy")
"""Those whose slope is 0 nowhere."""

POINTWISE_KERNELS = _named("""
    BinaryCrossEntropy BinaryCrossEntropyWithLogits HuberLoss KlDiv L1Loss MseLoss SmoothL1Loss
    SoftMarginLoss
""")
KERNELS = POINTWISE_KERNELS | _named("MultiMarginLoss MultilabelMarginLoss NllLoss NllLoss2D")
"""PyTorch's losses: element by element, or one number a row of classes; or already reduced."""

REDUCTIONS = _named("CtcLoss Dot LinalgVectorNorm Logsumexp Mean Nansum Norm Sum")
"""One number of many."""

SAME_ORDER = _named("ReshapeAlias Squeeze Unflatten UnsafeView Unsqueeze View")
"""The same elements in the same order, in another shape."""

LAYERS = _named("Addmm Baddbmm Bmm FusedRmsNorm Linear Mm NativeLayerNorm")
"""Mixes units of one position."""

ALONG = _named("""
    Amax Amin Cumsum Gather LinalgVectorNorm LogSoftmax Logcumsumexp Logsumexp Max Mean Median Min
    Nansum Norm Prod Softmax Sort Std Sum Topk Var
""")
"""Mixes what lies along some axes: sound where that is all of one position."""


def operation(node: Node) -> str:
    """``Mul`` of ``MulBackward0``, ``AccumulateGrad`` of a leaf."""
    return _operation(node.name())


@functools.cache
def _operation(name: str) -> str:
    return re.sub(r"Backward\d*(_copy)?$", "", name.rpartition("::")[2])


def exponent_of(node: Node) -> float | None:
    """2 of ``x**2``; None of what is no power, and where the exponent is a tensor, which may be of
    many elements."""
    exponent = getattr(node, "_saved_exponent", None) if node.name() == "PowBackward0" else None
    return exponent if isinstance(exponent, int | float) else None


def is_square(node: Node) -> bool:
    """Whether it is ``x**2``."""
    return exponent_of(node) == 2


def shape_of(node: Node, number: int) -> tuple[int, ...]:
    """The shape of the tensor that is output ``number`` of ``node``."""
    return tuple(map(int, node._input_metadata[number].shape))


def saved(node: Node, name: str) -> Any:
    """What the operation was called with, under autograd's name for it."""
    return getattr(node, f"_saved_{name}")


def unpacked(node: Node, name: str) -> Tensor | None:
    """A tensor that it was called with; None where looking would run code of the caller's."""
    kept = getattr(node, f"_raw_saved_{name}", None)
    if kept is None or getattr(kept, "unpack_hook", None) is not None:
        return None
    value = kept.data
    return value if issubclass(type(value), Tensor) else None


def signed(value: int) -> int:
    """Of a number that autograd shows as an unsigned one."""
    return value - (1 << 64) if value >= 1 << 63 else value


def axes_of(values: int | Sequence[int] | None, dims: int) -> list[int]:
    """Saved dimensions, counted from the first; all where none was given."""
    if values is None or (not isinstance(values, int) and not len(values)):
        return list(range(dims))
    several = [values] if isinstance(values, int) else values
    return [signed(value) % max(dims, 1) for value in several]


def saved_axes(node: Node, dims: int) -> list[int]:
    """Those that the operation was called with; all where with none."""
    return axes_of(getattr(node, "_saved_dim", None), dims)


def order_of(node: Node, dims: int) -> list[int]:
    """Of a transposition: which axis each axis of the result was."""
    name = operation(node)
    if name == "Permute":
        return axes_of(saved(node, "dims"), dims)
    order = list(range(dims))
    both = (0, 1) if name == "T" else (saved(node, "dim0"), saved(node, "dim1"))
    a, b = axes_of(both, dims)
    order[a], order[b] = order[b], order[a]
    return order


def blocks(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Axes of ``old`` and of ``new`` that hold the same elements, in order.

    Raises:
        ValueError: the two shapes have different numbers of elements, or none.
    """
    if math.prod(old) != math.prod(new) or not math.prod(old):
        raise ValueError
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


def feature_axes(node: Node, number: int, limit: int = 20) -> tuple[set[int], set[int]]:
    """Axes of classes, and those of units, as far as the operations that made a tensor tell.

    A softmax is over classes. The last axis of a product with a matrix holds units in a usual
    layer, and steps where a layer mixes these: that is a hint only.
    """
    name, shape = operation(node), shape_of(node, number)
    dims = len(shape)
    if name in ("LogSoftmax", "Softmax"):
        return set(saved_axes(node, dims)), set()
    if name in ("NativeLayerNorm", "FusedRmsNorm"):
        return set(), set(range(dims - len(saved(node, "normalized_shape")), dims))
    if name in LAYERS:
        return set(), {dims - 1}
    below = [(n, i) for n, i in node.next_functions if n and operation(n) != "AccumulateGrad"]
    if name in POINTWISE or name in POINTWISE_KERNELS:
        below = [edge for edge in below if shape_of(*edge) == shape]
    if not below or not limit:
        return set(), set()
    old = shape_of(*below[0])
    classes, units = feature_axes(*below[0], limit - 1)
    return _axes_after(node, classes, old, shape), _axes_after(node, units, old, shape)


def _axes_after(
    node: Node, known: set[int], old: tuple[int, ...], shape: tuple[int, ...]
) -> set[int]:
    """Where the ``known`` axes of a tensor of shape ``old`` are after ``node``."""
    name = operation(node)
    if name in POINTWISE or name in POINTWISE_KERNELS:
        return known
    if name in SAME_ORDER:
        return {
            axis
            for left, right in blocks(old, shape)
            if known & set(left) and all(a in known or old[a] == 1 for a in left)
            for axis in right
        }
    if name in ("Permute", "T", "Transpose"):
        return {new for new, was in enumerate(order_of(node, len(shape))) if was in known}
    if name in ("Slice", "Split", "SplitWithSizes"):
        return known
    if name in ("Select", "Unbind"):
        (axis,) = saved_axes(node, len(old))
        return {a - (a > axis) for a in known if a != axis}
    return set()
