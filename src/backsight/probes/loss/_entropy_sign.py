"""Whether the entropy of a policy is made smaller: a bonus for exploring with the wrong sign."""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation
from backsight.probes.loss._loss_operations import RESHAPED
from backsight.probes.loss._loss_sign import LIMIT, factors, sign_of

__all__ = ["entropies_lowered"]

CUT = frozenset({"Clamp", "ClampMax", "ClampMin"})


def entropies_lowered(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many entropies, ``-(p * log p).sum()``, a loss has with a positive factor.

    Args:
        roots: what backward is called on.
        gradients: those that it is given, one a root; None stands for 1.
        maximised: whether the optimizer climbs.

    Example:
        >>> import torch
        >>> from backsight.probes import entropies_lowered
        >>> z = torch.randn(4, 3, requires_grad=True)
        >>> entropy = -(z.softmax(-1) * z.log_softmax(-1)).sum(-1).mean()
        >>> entropies_lowered([0.01 * entropy], [None]), entropies_lowered([-entropy], [None])
        (1, 0)
    """
    waiting: list[tuple[Node, float]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is not None and sign:
            waiting.append((root.grad_fn, -sign if maximised else sign))
    lowered = 0
    for _ in range(LIMIT):
        if not waiting:
            break
        node, sign = waiting.pop()
        if _is_entropy(node):
            lowered += sign < 0
            continue
        waiting += [(below, sign * by) for below, by in factors(node) or () if by]
    return lowered


def _is_entropy(node: Node) -> bool:
    """``p * log p``, both with a graph."""
    below = [one for one, _ in node.next_functions]
    if operation(node) != "Mul" or len(below) != 2 or None in below:
        return False
    one, other = (_through(side, RESHAPED | CUT) for side in below)
    return (_is_share(one) and _is_logarithm(other)) or (_is_share(other) and _is_logarithm(one))


def _is_share(node: Node | None) -> bool:
    source = _through(node, RESHAPED | CUT | {"Div"})
    return source is not None and operation(source) in ("Exp", "Softmax")


def _is_logarithm(node: Node | None) -> bool:
    """Of probabilities."""
    name = "" if node is None else operation(node)
    if node is None or name != "Sub":
        return name in ("Log", "LogSoftmax")
    return any(one is not None and operation(one) == "Logsumexp" for one, _ in node.next_functions)


def _through(node: Node | None, names: frozenset[str] | set[str]) -> Node | None:
    while node is not None and operation(node) in names:
        node = node.next_functions[0][0]
    return node
