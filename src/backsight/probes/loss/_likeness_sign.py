"""Whether a cosine to what is given is made smaller: a likeness with the wrong sign."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved_axes, unpacked
from backsight.probes.loss._likeness import is_of_norm_one
from backsight.probes.loss._loss_sign import LIMIT, factors, sign_of

__all__ = ["likenesses_lowered"]

ONE = 1e-3
"""By which the length of what is given may miss 1."""


def likenesses_lowered(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many cosines to tensors without a gradient a loss has, with a positive factor; 0 if it
    has any other term.

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
        if _is_cosine_to_given(node):
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
