"""Squared and absolute differences that are written by hand: what they compare."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    SAME_ORDER,
    Edge,
    operation,
    order_of,
    saved,
    shape_of,
    signed,
    unpacked,
)
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_target import LossTarget

__all__ = ["difference_by_hand", "error_by_hand", "errors_by_hand"]

FAR = 8
"""Operations between a linear layer and the difference."""

OPERATIONS = frozenset({"Abs", "Pow"})
"""The last ones of such an error."""

FACTORS = 3
"""Numbers that a difference is multiplied by."""

DEAREST = 1 << 24
"""Multiplications of the outputs that are computed once more."""

MOST = 512
"""Outputs that are put together: one of each step."""


def error_by_hand(node: Node) -> LossTarget | None:
    """What ``(y - t)**2`` or ``(y - t).abs()`` compares, where ``y`` is a linear layer's output.

    The graph keeps the difference, and neither of its sides; ``y`` is computed once more from what
    the layer has kept. ``torch.nn.L1Loss`` is such a difference, too.

    Args:
        node: of the graph, while it is whole.

    Returns:
        The loss as ``MseLoss`` or ``L1Loss``, without a reduction; None where the operation is
        another one, or not enough is kept.

    Example:
        >>> import torch
        >>> from backsight.probes import error_by_hand
        >>> head, target = torch.nn.Linear(4, 1), torch.tensor([1.0, 2.0, 3.0])
        >>> errors = (head(torch.ones(3, 4)).squeeze(1) - target) ** 2
        >>> error_by_hand(errors.grad_fn).target.round(decimals=3).tolist()
        [1.0, 2.0, 3.0]
    """
    name = operation(node)
    if name not in OPERATIONS or (name == "Pow" and saved(node, "exponent") != 2):
        return None  # without a change of the gradient mode: so are all operations of a loop
    with torch.no_grad():
        return _error(node, name)


def errors_by_hand(made: LossOperations) -> Iterator[LossTarget]:
    """Each of them in a graph, nearest to the loss first.

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, errors_by_hand
        >>> errors = (torch.nn.Linear(4, 1)(torch.ones(3, 4)) - torch.zeros(3, 1)).abs()
        >>> [one.loss for one in errors_by_hand(LossOperations([errors.mean()]))]
        ['L1Loss']
    """
    for _, node in made.those(OPERATIONS):
        error = error_by_hand(node)
        if error is not None:
            yield error


def _error(node: Node, name: str) -> LossTarget | None:
    below, number = node.next_functions[0]
    if below is None or number or operation(below) != "Sub":
        return None
    found = _compared(below, unpacked(node, "self"))
    if found is None:
        return None
    target, prediction, edge = found
    loss = "MseLoss" if name == "Pow" else "L1Loss"
    return LossTarget(loss, node, target, prediction, edge, rounded=True)


@torch.no_grad()
def difference_by_hand(node: Node) -> tuple[Tensor, Edge] | None:
    """What an operation on ``y - t``, or on that times a number, compares a linear layer's output
    with: of a quantile's loss, a logarithm of a cosh, or any other error that is no kernel.

    Args:
        node: of the graph, while it is whole.

    Returns:
        the target, of the shape of the difference, and where ``y`` comes from; None where it is
        another operation, or not enough is kept.

    Example:
        >>> import torch
        >>> from backsight.probes import difference_by_hand
        >>> head, target = torch.nn.Linear(4, 1), torch.tensor([1.0, 2.0, 3.0])
        >>> off = target - head(torch.ones(3, 4)).squeeze(1)
        >>> for loss in (torch.maximum(0.9 * off, -0.1 * off), off.cosh()):
        ...     difference_by_hand(loss.grad_fn)[0].round(decimals=3).tolist()
        [1.0, 2.0, 3.0]
        [1.0, 2.0, 3.0]
    """
    if not node.next_functions or node.next_functions[0][1]:
        return None
    below, factor = node.next_functions[0][0], 1.0
    for _ in range(FACTORS):
        name = "" if below is None else operation(below)
        if below is None or name not in ("Div", "Mul", "Neg"):
            break
        by = None if name == "Neg" else unpacked(below, "other")
        if name != "Neg" and (by is None or by.numel() != 1):
            return None
        factor *= -1.0 if by is None else float(by) if name == "Mul" else 1 / float(by)
        below = below.next_functions[0][0]
    value = unpacked(node, "self") if below is not None and operation(below) == "Sub" else None
    if below is None or value is None or not factor:
        return None
    found = _compared(below, value.detach() / factor)
    return None if found is None else (found[0], found[2])


def _compared(below: Node, difference: Tensor | None) -> tuple[Tensor, Tensor, Edge] | None:
    """The target, the prediction, and where it comes from, of a difference whose value is known."""
    if difference is None or saved(below, "alpha") != 1:
        return None
    carried = [side for side, (one, _) in enumerate(below.next_functions) if one is not None]
    if len(carried) != 1:
        return None
    node, number = below.next_functions[carried[0]]
    if node is None or number or shape_of(node, 0) != shape_of(below, 0):
        return None
    try:
        prediction, difference = _output(node, FAR), difference.detach()
    except RuntimeError:  # it was overwritten, or the graph is released
        return None
    if prediction is None or prediction.shape != difference.shape:
        return None
    target = prediction - difference if carried == [0] else prediction + difference
    return target, prediction, (node, number)


def _output(node: Node, limit: int, dearest: int = DEAREST) -> Tensor | None:
    """What an operation has returned."""
    name = operation(node)
    if name in ("Addmm", "Mm"):
        return _product(node, name, dearest)
    if name == "Add":
        return _with_bias(node, limit, dearest)
    if name in ("Cat", "Stack"):
        return _together(node, name, limit, dearest)
    below, number = node.next_functions[0] if node.next_functions else (None, 0)
    if below is None or number or not limit:
        return None
    if name not in SAME_ORDER and name not in ("Permute", "Select", "Slice", "T", "Transpose"):
        return None
    given = _output(below, limit - 1, dearest)
    if given is None:
        return None
    if name in SAME_ORDER:
        return given.reshape(shape_of(node, 0))
    if name in ("Permute", "T", "Transpose"):
        return given.permute(order_of(node, given.dim()))
    axis = signed(int(saved(node, "dim"))) % given.dim()
    if name == "Select":
        return given.select(axis, signed(int(saved(node, "index"))))
    begin, end = (signed(int(saved(node, one))) for one in ("start", "end"))
    part: list[slice] = [slice(None)] * given.dim()
    part[axis] = slice(begin, end, int(saved(node, "step")))
    return given[tuple(part)]


def _together(node: Node, name: str, limit: int, dearest: int) -> Tensor | None:
    """Of outputs that a loop has collected."""
    count = len(node.next_functions)
    if not limit or not 0 < count <= MOST:
        return None
    parts: list[Tensor] = []
    for below, number in node.next_functions:
        part = None if below is None or number else _output(below, limit - 1, dearest // count)
        if part is None:
            return None
        parts.append(part)
    axis = signed(int(saved(node, "dim")))
    return torch.cat(parts, axis) if name == "Cat" else torch.stack(parts, axis)


def _with_bias(node: Node, limit: int, dearest: int) -> Tensor | None:
    """Of a layer whose product had to be taken apart from its bias."""
    (below, number), (leaf, _) = node.next_functions
    bias = getattr(leaf, "variable", None)
    if below is None or bias is None or number or not limit or saved(node, "alpha") != 1:
        return None
    product = _output(below, limit - 1, dearest)
    return None if product is None else product + bias.detach()


def _product(node: Node, name: str, dearest: int) -> Tensor | None:
    rows = saved(node, "mat1" if name == "Addmm" else "self")
    weight, (turned, _) = saved(node, "mat2"), node.next_functions[-1]
    if weight is None and turned is not None and operation(turned) == "T":
        leaf = getattr(turned.next_functions[0][0], "variable", None)
        weight = None if leaf is None else leaf.t()
    if rows is None or weight is None or rows.numel() * weight.shape[1] > dearest:
        return None
    product: Tensor = rows.detach() @ weight.detach()
    if name == "Mm":
        return product
    bias = getattr(node.next_functions[0][0], "variable", None)
    return None if bias is None or saved(node, "alpha") != 1 else product + bias.detach()
