"""Whether the distance between two distributions is made larger without end."""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import Edge, is_square, operation
from backsight.probes.loss._loss_sign import LIMIT, factors, sign_of

__all__ = ["divergences_raised"]

DEEP = 12
"""Operations between a variance and what it is made of, at the most."""

SHIFTS = frozenset({"Add", "Clamp", "ClampMin", "ToCopy", "Clone", "Alias"})
"""What leaves a variance one: a small number that is added, a lower limit."""


def divergences_raised(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many sums ``x - exp(x)``, or ``log y - y``, a loss has with a positive factor.

    The Kullback-Leibler divergence of normal distributions has them with a negative one, and so
    have the likelihoods of counts and of times; the other way round, the sum falls without bound,
    whatever else is in the loss. Only terms that are added count, with constant factors.

    Args:
        roots: what backward is called on.
        gradients: those that it is given, one a root; None stands for 1.
        maximised: whether the optimizer climbs.

    Example:
        >>> import torch
        >>> from backsight.probes import divergences_raised
        >>> mean, logvar = torch.randn(2, 4, 3, requires_grad=True).unbind()
        >>> kl = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum()
        >>> divergences_raised([kl], [None]), divergences_raised([-kl], [None])
        (0, 1)
    """
    added = _added(roots, gradients, maximised=maximised)
    exponentials: set[tuple[Edge, float]] = set()
    logarithms: set[tuple[Edge, float]] = set()
    plain: set[tuple[Edge, float]] = set()
    powers: set[tuple[Edge, float]] = set()
    for edge, sign in added:
        plain.add((_base(edge), sign))
        base = _base(edge, powers=True)
        powers.add((base, sign))
        below = _argument(base[0])
        if operation(base[0]) == "Exp" and below is not None:
            exponentials.add((_base(below), sign))
        below = _argument(edge[0])
        if operation(edge[0]) == "Log" and below is not None:
            logarithms.add((_base(below, powers=True), sign))
    falling = [
        sign < 0 and (base, -sign) not in exponentials and (base, -sign) in plain
        for base, sign in exponentials
    ]
    falling += [
        sign > 0 and (base, -sign) in powers and (base, sign) not in powers
        for base, sign in logarithms
    ]
    return sum(falling)


def _added(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool
) -> list[tuple[Edge, float]]:
    """Everything that a loss is a sum of, however it is grouped, with the sign of its factor."""
    waiting: list[tuple[Edge, float]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is not None and sign:
            waiting.append(((root.grad_fn, root.output_nr), -sign if maximised else sign))
    found: list[tuple[Edge, float]] = []
    while waiting and len(found) < LIMIT:
        edge, sign = waiting.pop()
        found.append((edge, sign))
        numbers = dict(edge[0].next_functions)
        waiting += [
            ((below, numbers[below]), sign * factor)
            for below, factor in factors(edge[0]) or ()
            if factor
        ]
    return found


def _argument(node: Node) -> Edge | None:
    below, number = node.next_functions[0] if node.next_functions else (None, 0)
    return None if below is None else (below, number)


def _base(edge: Edge, *, powers: bool = False) -> Edge:
    """What it is a positive multiple of; or also a square, with next to nothing added."""
    for _ in range(DEEP):
        node = edge[0]
        name, inside = operation(node), [one for one in node.next_functions if one[0] is not None]
        if name in ("Mul", "Div"):
            positive = [below for below, factor in factors(node) or () if factor > 0]
            if len(positive) != 1:
                break
        elif not (powers and len(inside) == 1 and (name in SHIFTS or is_square(node))):
            break
        (only,) = inside
        assert only[0] is not None
        edge = (only[0], only[1])
    return edge
