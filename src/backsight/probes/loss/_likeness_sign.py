"""Whether a cosine to what is given, or an overlap with it, is made smaller: the wrong sign."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved_axes, unpacked
from backsight.probes.loss._likeness import is_of_norm_one
from backsight.probes.loss._loss_operations import RESHAPED
from backsight.probes.loss._loss_sign import LIMIT, PICKS, factors, sign_of

__all__ = ["likenesses_lowered"]

ONE = 1e-3
"""By which the length of what is given may miss 1."""

DEEP = 16
"""Operations on the way from a quotient to the sums that it is made of."""


def likenesses_lowered(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many cosines to tensors without a gradient a loss has, or overlaps of probabilities with
    labels of 0 and 1 (Dice's, Jaccard's), with a positive factor; 0 if it has any other term.

    Args:
        roots: what backward is called on.
        gradients: those that it is given, one a root; None stands for 1.
        maximised: whether the optimizer climbs.

    Example:
        >>> import torch
        >>> from backsight.probes.loss import likenesses_lowered
        >>> said, true = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
        >>> alike = torch.cosine_similarity(said, true, dim=1).mean()
        >>> likenesses_lowered([alike], [None]), likenesses_lowered([1 - alike], [None])
        (1, 0)
    """
    waiting: list[tuple[Node, float]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is None or not sign:
            return 0
        waiting.append((root.grad_fn, -sign if maximised else sign))
    lowered = 0
    for _ in range(LIMIT):
        if not waiting:
            return lowered
        node, sign = waiting.pop()
        if _is_cosine_to_given(node) or _is_overlap_with_given(node):
            if sign < 0:
                return 0
            lowered += 1
            continue
        inside = factors(node)
        if not inside:
            return 0
        waiting += [(below, sign * by) for below, by in inside]
    return 0


def _is_cosine_to_given(node: Node) -> bool:
    """The sum of a product with vectors of length 1, of what was divided by its own length."""
    product = node.next_functions[0][0] if operation(node) == "Sum" else None
    if product is None or operation(product) != "Mul":
        return False
    sides = [one for one, _ in product.next_functions]
    if sides.count(None) != 1 or len(sides) != 2:
        return False
    made = next(one for one in sides if one is not None)
    given = unpacked(product, "other" if sides[0] is not None else "self")
    if given is None or not given.is_floating_point() or not is_of_norm_one(made):
        return False
    axes = saved_axes(node, given.dim())
    if len(axes) != 1:
        return False
    with torch.no_grad():
        length = torch.linalg.vector_norm(given, dim=axes[0])
        return length.numel() > 1 and bool(((length - 1).abs() < ONE).all())


def _is_overlap_with_given(node: Node) -> bool:
    """Twice what probabilities and labels share by the sum of both, or what they share by what
    either has.

    A share of the probabilities alone, such as how much attention rests on padding, has neither the
    2 nor the part that is shared below the line: it may well be meant to be small.
    """
    if operation(node) != "Div" or len(node.next_functions) != 2:
        return False
    above, below = (one for one, _ in node.next_functions)
    if above is None or below is None or (found := _shared(above)) is None:
        return False
    shared, said, twice = found
    parts = _parts(below, {shared, said})
    return said in parts and (twice or shared in parts)


def _shared(node: Node) -> tuple[Node, Node, bool] | None:
    """A sum of probabilities where labels are 1: the product, the probabilities, and whether it is
    taken twice."""
    summed = twice = False
    for _ in range(DEEP):
        labels, there = _labels(node), [one for one, _ in node.next_functions if one is not None]
        if labels is not None:
            said = _through(there[0])
            source = _through(said, PICKS)
            likely = source is not None and operation(source) in ("Sigmoid", "Softmax")
            return (node, said, twice) if likely and summed and said is not None else None
        if operation(node) == "Mul":
            by = unpacked(node, "other") if len(there) == 1 else None
            twice = twice or (by is not None and by.numel() == 1 and float(by) == 2)
        summed = summed or operation(node) == "Sum"
        inside = factors(node)
        if inside is None or len(inside) != 1 or inside[0][1] <= 0:
            return None
        node = inside[0][0]
    return None


def _labels(node: Node) -> Tensor | None:
    """Noughts and ones that it multiplies something by."""
    sides = [one for one, _ in node.next_functions]
    if operation(node) != "Mul" or len(sides) != 2 or sides.count(None) != 1:
        return None
    given = unpacked(node, "other" if sides[0] is not None else "self")
    if given is None or given.numel() < 2 or given.is_complex():
        return None
    with torch.no_grad():
        return given if bool(((given == 0) | (given == 1)).all()) else None


def _parts(node: Node, ends: set[Node]) -> set[Node]:
    """Which of these a sum is made of, whatever their signs, or of their squares."""
    waiting, found = [node], set()
    for _ in range(LIMIT):
        if not waiting:
            break
        node = waiting.pop()
        if node in ends:
            found.add(node)
        else:
            square = operation(node) in ("Pow", "Mul") and factors(node) is None
            inside = factors(node) or ()
            waiting += [one for one, _ in inside]
            waiting += [one for one, _ in node.next_functions if square and one is not None]
    return found


def _through(node: Node | None, more: frozenset[str] = frozenset()) -> Node | None:
    while node is not None and operation(node) in RESHAPED | more:
        node = node.next_functions[0][0]
    return node
