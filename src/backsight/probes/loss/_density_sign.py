"""Whether the likelihood of a distribution with a learned spread, or of counts, is made smaller."""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import is_square, operation
from backsight.probes.loss._loss_operations import RESHAPED
from backsight.probes.loss._loss_sign import DISTANCES, LIMIT, factors, sign_of

__all__ = ["densities_lowered"]

DEEP = 12
"""Operations between a spread and what it is made of, at the most."""

ELEMENTWISE = RESHAPED | {
    *("Add", "Clamp", "ClampMin", "Div", "Exp", "Mul", "Neg", "Pow", "Reciprocal", "Rsub"),
    *("Sigmoid", "Softplus", "Sqrt", "Sub"),
}
"""What a spread is made by, of one tensor and constants."""


def densities_lowered(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many log-densities a loss is a sum of, with positive factors; 0 if it has anything else.

    That of a normal or Laplace distribution is an error that is divided by a spread, with a minus,
    and the logarithm of that spread, with a minus, too: both fall without bound. So do counts times
    the logarithm of a rate, less the rate. In a mixture, the logarithms of its weights stand beside
    them.

    Args:
        roots: what backward is called on.
        gradients: those that it is given, one a root; None stands for 1.
        maximised: whether the optimizer climbs.

    Example:
        >>> import torch
        >>> from torch.distributions import Normal
        >>> from backsight.probes import densities_lowered
        >>> mean, spread = torch.rand(2, 4, requires_grad=True).unbind()
        >>> density = Normal(mean, spread).log_prob(torch.zeros(4)).mean()
        >>> densities_lowered([density], [None]), densities_lowered([-density], [None])
        (1, 0)
    """
    begin: list[tuple[Node, float]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is None or not sign:
            return 0
        begin.append((root.grad_fn, -sign if maximised else sign))
    spreads: set[Node] = set()
    # What is made of a spread is told from other terms once all spreads are known.
    if _walk(begin, spreads) is None or (terms := _walk(begin, spreads)) is None:
        return 0
    found, rest = terms
    if found:
        return found if all(_belongs(node, sign, spreads) for node, sign in rest) else 0
    return _counts(rest)


def _walk(
    begin: list[tuple[Node, float]], spreads: set[Node]
) -> tuple[int, list[tuple[Node, float]]] | None:
    """How many scaled errors fall, and all other terms; None where one rises.

    Args:
        begin: what the loss is a sum of, with the signs of the factors.
        spreads: what is known to make a spread; more are added.
    """
    waiting = [(node, sign, False) for node, sign in begin]
    found = looked_at = 0
    rest: list[tuple[Node, float]] = []
    while waiting:
        node, sign, mixed = waiting.pop()
        looked_at += 1
        if looked_at > LIMIT:
            return None
        scaled = _scaled_error(node)
        if scaled is not None:
            factor, spread = scaled
            if sign * factor > 0:
                return None
            found += 1
            spreads |= spread
            continue
        inside = factors(node)
        if operation(node) == "Logsumexp":  # it grows with each of its terms
            waiting += [(below, sign, True) for below in _below(node)]
        elif mixed and _is_weight(node):
            continue
        elif inside is not None and node not in spreads:
            waiting += [(below, sign * factor, mixed) for below, factor in inside]
        else:
            rest.append((node, sign))
    return found, rest


def _scaled_error(node: Node) -> tuple[float, set[Node]] | None:
    """The sign of an error that is divided by a spread, and what that is made of."""
    name, below = operation(node), _below(node)
    if name in ("Div", "Mul") and len(below) == 2:
        for error, other in ((below[0], below[1]), (below[1], below[0])):
            if name == "Mul" and not _is_positive(other):
                continue
            sign = _sign_of_error(error)
            if sign:
                return sign, _chain(other)
            if name == "Div":
                break
        return None
    if name in DISTANCES and (name != "Pow" or is_square(node)):
        inner = _through(below[0])
        parts = _below(inner)
        if operation(inner) not in ("Div", "Mul") or len(parts) != 2:
            return None
        for error, other in ((parts[0], parts[1]), (parts[1], parts[0])):
            if _is_difference(error):
                return 1.0, _chain(other)
    return None


def _sign_of_error(node: Node) -> float:
    """1 or -1 of a distance from a target, and its constant factors; 0 of anything else."""
    sign = 1.0
    for _ in range(DEEP):
        name = operation(node)
        if name in DISTANCES:
            squared = name != "Pow" or is_square(node)
            return sign if squared and _is_difference(_below(node)[0]) else 0.0
        inside = factors(node)
        if inside is None or len(inside) != 1:
            return 0.0
        ((node, factor),) = inside
        sign *= factor
    return 0.0


def _is_difference(node: Node) -> bool:
    """From something given, such as a target."""
    node = _through(node)
    given = any(below is None for below, _ in node.next_functions)
    return operation(node) in ("Sub", "Rsub") and (given or operation(node) == "Rsub")


def _is_positive(node: Node) -> bool:
    node = _through(node)
    return is_square(node) or operation(node) in ("Exp", "Softplus", "Sigmoid", "Reciprocal")


def _is_weight(node: Node) -> bool:
    """The logarithm of the weight of a part of a mixture."""
    name = operation(node)
    log = name == "Log" and operation(_through(_below(node)[0])) == "Softmax"
    return log or name == "LogSoftmax" or (
        name == "Sub" and any(operation(below) == "Logsumexp" for below in _below(node))
    )  # fmt: skip


def _chain(node: Node) -> set[Node]:
    found = {node}
    for _ in range(DEEP):
        below = _below(node)
        if operation(node) not in ELEMENTWISE or len(below) != 1:
            break
        (node,) = below
        found.add(node)
    return found


def _belongs(node: Node, sign: float, spreads: set[Node]) -> bool:
    """Whether a term is the logarithm of a spread, or what the spread is the exponential of."""
    if operation(node) in ("Log", "Log1P"):
        return sign < 0 and not spreads.isdisjoint(_chain(_below(node)[0]))
    return node in spreads


def _counts(rest: list[tuple[Node, float]]) -> int:
    """How many are a count times the logarithm of a rate, where nothing but that rate is left."""
    rates = {node for node, sign in rest if sign < 0}
    counted = [node for node, sign in rest if sign > 0]
    if not rates or not all(map(_is_count, counted)):
        return 0
    logarithms = [_below(node)[0] for node in counted]
    made_of = {below for node in logarithms for below in (node, *_chain(node))}
    exponents = {below for rate in rates if operation(rate) == "Exp" for below in _below(rate)}
    of_rates = rates <= made_of or exponents == set(logarithms)
    return len(counted) if of_rates else 0


def _is_count(node: Node) -> bool:
    """Whether it is a product of a logarithm with numbers that are given."""
    name = operation(node)
    if name == "Xlogy":
        return len(_below(node)) == 1
    return name == "Mul" and len(_below(node)) == 1


def _through(node: Node) -> Node:
    while operation(node) in RESHAPED and len(_below(node)) == 1:
        (node,) = _below(node)
    return node


def _below(node: Node) -> list[Node]:
    return [below for below, _ in node.next_functions if below is not None]
