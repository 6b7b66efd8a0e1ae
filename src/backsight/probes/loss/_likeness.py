"""Answers that say how alike two things are: e to the power of minus a distance, or a cosine."""

from torch.autograd.graph import Node

from backsight.probes._operations import SAME_ORDER, exponent_of, operation, unpacked

__all__ = ["is_of_norm_one", "likeness_range", "number_of"]

NOT_BELOW = frozenset({"Abs", "LinalgVectorNorm", "Norm", "Relu", "Sigmoid", "Softplus", "Sqrt"})
"""Results that are never below 0; an even power is none either."""

PASSED = SAME_ORDER | {"Alias", "Clone", "Mean", "Select", "Slice", "Sum"}
"""They keep the sign that all numbers have."""

TO_A_NORM = frozenset({"Clamp", "ClampMin", "Clone", "Expand"})
"""Between a division and the norm that is divided by."""

FAR = 8
"""Operations."""


def likeness_range(node: Node) -> tuple[float, float] | None:
    """Between which numbers a likeness lies; None of another operation.

    Args:
        node: an operation of the graph.

    Example:
        >>> import torch
        >>> from backsight.probes.loss._likeness import likeness_range
        >>> x, y = torch.ones(2, 4, 3, requires_grad=True) * 1.0
        >>> likeness_range(torch.exp(-(x - y).abs().sum(1)).grad_fn)
        (0.0, 1.0)
        >>> likeness_range(torch.nn.functional.cosine_similarity(x, y).grad_fn)
        (-1.0, 1.0)
        >>> likeness_range(x.exp().grad_fn), likeness_range((x * y).sum(1).grad_fn)
        (None, None)
    """
    name = operation(node)
    if name == "Exp" and _is_below_nought(node.next_functions[0][0]):
        return 0.0, 1.0
    if name == "Sum" and _is_cosine(node.next_functions[0][0]):
        return -1.0, 1.0
    return None


def number_of(node: Node, name: str) -> float | None:
    """What an operation multiplies by, where that is one number for all; autograd keeps none that
    is added."""
    sides = [below for below, _ in node.next_functions]
    if name not in ("Div", "Mul") or sides.count(None) != 1:
        return None
    other = unpacked(node, "other" if sides[0] is not None else "self")
    if other is None or other.numel() != 1 or (name == "Div" and sides[0] is None):
        return None
    number = float(other)
    return None if not number else number if name == "Mul" else 1 / number


def _is_below_nought(node: Node | None) -> bool:
    """Whether it is minus something that is never below 0."""
    sign = 1.0
    for _ in range(FAR):
        if node is None:
            return False
        name = operation(node)
        if name in NOT_BELOW or (exponent_of(node) or 1) % 2 == 0:
            return sign < 0
        number = -1.0 if name == "Neg" else 1.0 if name in PASSED else number_of(node, name)
        if number is None:
            return False
        sign *= number
        node = next((one for one, _ in node.next_functions if one is not None), None)
    return False


def _is_cosine(product: Node | None) -> bool:
    """Whether it is a product of two that were each divided by their norm."""
    if product is None or operation(product) != "Mul":
        return False
    sides = [one for one, _ in product.next_functions]
    return len(sides) == 2 and all(one is not None and is_of_norm_one(one) for one in sides)


def is_of_norm_one(node: Node) -> bool:
    """Whether it was divided by its norm."""
    if operation(node) != "Div" or len(node.next_functions) != 2:
        return False
    below = node.next_functions[1][0]
    for _ in range(FAR):
        if below is None or operation(below) not in TO_A_NORM:
            break
        below = below.next_functions[0][0]
    return below is not None and operation(below) in ("LinalgVectorNorm", "Norm")
