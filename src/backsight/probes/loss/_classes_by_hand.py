"""Cross-entropy that is written by hand: what it takes of its log-probabilities."""

import math

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    SAME_ORDER,
    Edge,
    operation,
    order_of,
    saved,
    saved_axes,
    shape_of,
    unpacked,
)
from backsight.probes.loss._loss_target import LossTarget

__all__ = ["NEAR_TAKES", "TAKES", "classes_by_hand"]

TAKES = frozenset({"Gather", "Index", "Log"})
NEAR_TAKES = frozenset({"Add", "Bmm", "Mul", "Sub"})
"""Operations that may do so; a loop has many of the second ones, so that only those near the loss
are looked at."""

SHIFTED = frozenset({"Add", "Clamp", "ClampMax", "ClampMin"})
"""What keeps a probability from 0."""

FAR = 6
"""Operations between a softmax and what is taken of it."""

LARGEST = 1 << 22
"""Numbers of a one-hot target that is looked at."""

IGNORED = -100

NEAR, NEAR_ONE = 1e-6, 1e-2
"""What two targets, and two probabilities with a small number each, may miss 1 by."""


def classes_by_hand(name: str, node: Node) -> LossTarget | None:
    """The targets of ``log_p.gather(1, y)``, ``log_p[range(n), y]`` or ``one_hot * log_p``.

    ``log_p`` is a log-softmax, or the logarithm of a softmax, before or after the class is taken.
    Either may be written by hand, as ``z.exp() / z.exp().sum()``; a product may be an ``einsum``.
    And those of ``z.logsumexp(1) - z.gather(1, y)``, whose ``node`` is what takes the class, and of
    ``y * log(p) + (1 - y) * log(1 - p)``.

    Args:
        name, node: an operation of the graph, while that is whole.

    Returns:
        A ``NllLoss``, or ``BinaryCrossEntropy``, without a reduction, whose elements are those of
        the operation with the opposite sign; None of another operation.

    Example:
        >>> import torch
        >>> from backsight.probes import classes_by_hand
        >>> z, y = torch.zeros(3, 4, requires_grad=True), torch.tensor([2, 0, 1])
        >>> log_p = z.log_softmax(1)
        >>> by_index = log_p[torch.arange(3), y], z.softmax(1)[torch.arange(3), y].log()
        >>> for one in (log_p.gather(1, y[:, None]), *by_index):
        ...     name = one.grad_fn.name().removesuffix("Backward0")
        ...     classes_by_hand(name, one.grad_fn).target.tolist()
        [2, 0, 1]
        [2, 0, 1]
        [2, 0, 1]
    """
    try:
        if not _may_be_one(name, node):
            return None  # without a change of the gradient mode: so are all gates of a loop
        with torch.no_grad():
            return _classes(name, node)
    except RuntimeError:  # something was overwritten, or the graph is released
        return None


def _may_be_one(name: str, node: Node) -> bool:
    """Whether it is like one, as far as a glance at what it was given tells."""
    given = [below for below, _ in node.next_functions]
    if name in ("Bmm", "Mul"):
        return len(given) == 2 and (given[0] is None) != (given[1] is None)
    if name == "Sub":
        return given[0] is not None and operation(given[0]) == "Logsumexp"
    if name == "Add":
        return len(given) == 2 and _weighed(given[0]) is not None
    return name in TAKES


def _classes(name: str, node: Node) -> LossTarget | None:
    if name == "Add":
        return _yes_or_no(node)
    if name == "Sub":
        return _left_of_sum(node)
    if name == "Log":
        below = _shown(node.next_functions[0][0])
        if below is None or operation(below) not in ("Gather", "Index"):
            return None
        return _taken(node, below, logarithm=True)
    return _taken(node, node, logarithm=False) if name in TAKES else _hot(node, name)


def _shown(node: Node | None) -> Node | None:
    """What an operation only shows in another shape, or adds a constant to."""
    for _ in range(FAR):
        if node is None or operation(node) not in SAME_ORDER | SHIFTED:
            break
        node = node.next_functions[0][0]
    return node


def _left_of_sum(node: Node) -> LossTarget | None:
    """Of ``z.logsumexp(…)`` less what is taken of ``z``."""
    total, take = node.next_functions[0][0], node.next_functions[1][0]
    for _ in range(FAR):
        if take is None or operation(take) not in SAME_ORDER | {"Select"}:
            break
        take = take.next_functions[0][0]
    if total is None or take is None or operation(take) not in ("Gather", "Index"):
        return None
    below, number = total.next_functions[0]
    z = unpacked(total, "self")
    if below is None or z is None or take.next_functions[0] != (below, number):
        return None
    axes = saved_axes(total, z.dim())
    classes = _index(take, tuple(z.shape), axes[0]) if len(axes) == 1 else None
    if classes is None:
        return None
    return _target(take, z.detach().log_softmax(axes[0]), classes, axes[0], (below, number))


def _taken(node: Node, take: Node, *, logarithm: bool) -> LossTarget | None:
    below, number = take.next_functions[0]
    found = None if below is None or number else _probabilities(below, FAR)
    if found is None or below is None or found[1] == logarithm:
        return None
    values, is_log, axis = found
    prediction = values if is_log else values.log()
    classes = _index(take, tuple(prediction.shape), axis)
    if classes is None:
        return None
    return _target(node, prediction, classes, axis, (below, number))


def _index(take: Node, shape: tuple[int, ...], axis: int) -> Tensor | None:
    """The class of each row, without the axis of classes."""
    rows = shape[:axis] + shape[axis + 1 :]
    if operation(take) == "Gather":
        index = unpacked(take, "index")
        if index is None or index.dim() != len(shape) or index.shape[axis] != 1:
            return None
        if saved_axes(take, len(shape)) != [axis]:
            return None
        classes = index.squeeze(axis)
        return classes if tuple(classes.shape) == rows else None
    given = take._saved_indices  # type: ignore[attr-defined]
    if axis != len(shape) - 1 or len(given) != len(shape):
        return None
    if any(one is None or one.dtype != torch.int64 for one in given):
        return None
    each: list[Tensor] = list(torch.broadcast_tensors(*given))  # type: ignore[no-untyped-call]
    *places, taken = each
    if tuple(taken.shape) != rows:
        return None
    for along, place in enumerate(places):
        count = torch.arange(rows[along], device=place.device)
        if not torch.equal(place, count.view(-1, *[1] * (len(rows) - along - 1)).expand(rows)):
            return None
    return taken


def _yes_or_no(node: Node) -> LossTarget | None:
    """Of two logarithms, each times whether it is asked for."""
    if len(node.next_functions) != 2:
        return None
    first, second = (_weighed(below) for below, _ in node.next_functions)
    if first is None or second is None or saved(node, "alpha") != 1:
        return None
    (target, log), (other, opposite) = first, second
    if target.shape != other.shape or tuple(target.shape) != shape_of(node, 0):
        return None
    p, rest = unpacked(log, "self"), unpacked(opposite, "self")
    below, number = log.next_functions[0]
    if p is None or rest is None or below is None or p.shape != target.shape != ():
        return None
    target, other = target.to(p.dtype), other.to(p.dtype)
    sums = (target + other - 1).abs().max(), (p + rest - 1).abs().max()
    if float(sums[0]) > NEAR or float(sums[1]) > NEAR_ONE:
        return None
    p = p.detach().clamp(0, 1)
    return LossTarget("BinaryCrossEntropy", node, target, p, (below, number), by_hand=True)


def _weighed(node: Node | None) -> tuple[Tensor, Node] | None:
    """A factor without a graph, and the logarithm that it is multiplied with."""
    if node is None or operation(node) != "Mul" or len(node.next_functions) != 2:
        return None
    sides = [below for below, _ in node.next_functions]
    carried = [side for side, below in enumerate(sides) if below is not None]
    log = sides[carried[0]] if len(carried) == 1 else None
    if log is None or operation(log) != "Log":
        return None
    factor = unpacked(node, "self" if carried == [1] else "other")
    return None if factor is None else (factor.detach(), log)


def _hot(node: Node, name: str) -> LossTarget | None:
    """Of log-probabilities that are multiplied by one-hot targets."""
    (first, at), (second, other) = node.next_functions
    factors = ("self", "other") if name == "Mul" else ("self", "mat2")
    below, number, kept = (first, at, factors[1]) if second is None else (second, other, factors[0])
    if below is None or number or _softmax_of(below) is None:
        return None
    hot = unpacked(node, kept)
    if hot is None or hot.numel() > LARGEST:
        return None
    if name == "Mul" and tuple(hot.shape) != shape_of(below, 0):
        return None
    found = _probabilities(below, FAR)
    if found is None or not found[1]:
        return None
    prediction, _, axis = found
    if name == "Bmm":  # rows times one column each
        rows = (prediction.numel() // max(1, prediction.shape[axis]), prediction.shape[axis])
        if axis != prediction.dim() - 1 or hot.numel() != prediction.numel():
            return None
        if hot.shape[0] != rows[0] or math.prod(hot.shape[1:]) != rows[1]:
            return None
        hot = hot.reshape(prediction.shape)
    counted = hot.sum(axis)
    if not bool(((hot == 0) | (hot == 1)).all()) or not bool((counted <= 1).all()):
        return None
    if not bool(counted.any()):
        return None
    classes = hot.argmax(axis).masked_fill(counted == 0, IGNORED)
    return _target(node, prediction, classes, axis, (below, number))


def _target(
    node: Node, prediction: Tensor, classes: Tensor, axis: int, edge: Edge
) -> LossTarget | None:
    """With classes along the axis where PyTorch's losses have them."""
    if prediction.dim() < 2 or not classes.numel():
        return None
    if axis == prediction.dim() - 1:
        prediction, classes = prediction.reshape(-1, prediction.shape[-1]), classes.reshape(-1)
    elif axis != 1:
        return None
    return LossTarget("NllLoss", node, classes, prediction, edge, by_hand=True)


def _softmax_of(node: Node | None) -> Node | None:
    """A softmax, or its logarithm, that an operation shows in another shape."""
    for _ in range(FAR):
        if node is None or operation(node) in ("LogSoftmax", "Softmax"):
            return node
        if operation(node) == "Sub":
            return node if _normalised(node) is not None else None
        if operation(node) in ("Div", "Mul"):
            return node if len(node.next_functions) == 2 and _divided(node) is not None else None
        if operation(node) not in SAME_ORDER | SHIFTED | {"Log", "Permute", "Transpose"}:
            return None
        node = node.next_functions[0][0]
    return None


def _normalised(node: Node) -> Node | None:
    """``z.logsumexp(…)`` of ``z - z.logsumexp(…)``."""
    left, right = (below for below, _ in node.next_functions[:2])
    if left is None or right is None or operation(right) != "Logsumexp":
        return None
    return right if right.next_functions[0][0] is left else None


def _divided(node: Node) -> tuple[Node, Node] | None:
    """The exponential and its sum, of ``e / e.sum(…)`` or of ``e * e.sum(…)**-1``."""
    (top, _), (total, _) = node.next_functions[:2]
    if total is not None and operation(node) == "Mul":
        if operation(total) == "Reciprocal" or (
            operation(total) == "Pow" and saved(total, "exponent") == -1
        ):
            total = total.next_functions[0][0]
        else:
            return None
    if top is None or total is None or operation(top) != "Exp" or operation(total) != "Sum":
        return None
    return (top, total) if total.next_functions[0][0] is top else None


def _probabilities(node: Node, limit: int) -> tuple[Tensor, bool, int] | None:
    """What an operation has returned, whether it is logarithms, and the axis of classes."""
    name = operation(node)
    shape = shape_of(node, 0)
    if name in ("LogSoftmax", "Softmax"):
        value = unpacked(node, "result")
        axes = saved_axes(node, len(shape))
        return None if value is None else (value.detach(), name == "LogSoftmax", axes[0])
    if name == "Sub":
        below = _normalised(node)
        value = None if below is None else unpacked(below, "self")
        if below is None or value is None:
            return None
        (axis,) = saved_axes(below, len(shape)) or [-1]
        return value.detach().log_softmax(axis), True, axis
    if name in ("Div", "Mul"):
        both = _divided(node) if len(node.next_functions) == 2 else None
        value = None if both is None else unpacked(both[0], "result")
        if both is None or value is None or len(axes := saved_axes(both[1], len(shape))) != 1:
            return None
        return value.detach() / value.detach().sum(axes[0], keepdim=True), False, axes[0]
    if not limit or not node.next_functions or node.next_functions[0][0] is None:
        return None
    if name not in SAME_ORDER | SHIFTED | {"Log", "Permute", "Transpose"}:
        return None
    if name == "Add" and node.next_functions[1][0] is not None:
        return None
    found = _probabilities(node.next_functions[0][0], limit - 1)
    if found is None:
        return None
    value, is_log, axis = found
    if name == "Log":
        return None if is_log else (value.log(), True, axis)
    if name in SHIFTED:
        return None if is_log else found
    if name in ("Permute", "Transpose"):
        order = order_of(node, len(shape))
        return value.permute(order), is_log, order.index(axis)
    last = axis == value.dim() - 1 and shape[-1:] == value.shape[-1:]
    return (value.reshape(shape), is_log, len(shape) - 1) if last else None
