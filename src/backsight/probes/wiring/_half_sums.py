"""Sums that are rounded to half precision, one on top of the other."""

from collections.abc import Sequence

import torch
from torch.autograd.graph import Node

from backsight.probes._operations import operation
from backsight.probes.loss import RESHAPED

__all__ = ["additions_in_half"]

HALF = (torch.float16, torch.bfloat16)

SUMS = ("Add", "Sub")

BETWEEN = RESHAPED | {"Mul"}
"""What a state goes through between two sums: a factor by which it fades, a change of precision."""

DEEP = 4
"""Operations between two sums."""


def additions_in_half(operations: Sequence[tuple[str, Node]]) -> int:
    """The most sums in a row of which each is rounded to half precision before the next.

    Args:
        operations: of a graph, with their names, the loss's own first.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, additions_in_half
        >>> x = torch.ones(3, requires_grad=True)
        >>> for kind in (torch.float32, torch.bfloat16):
        ...     state = torch.zeros(3, dtype=kind)
        ...     for _ in range(5):
        ...         state = 0.9 * state + x.tanh().to(kind)
        ...     print(additions_in_half(LossOperations([state.float().sum()]).named()))
        0
        5
    """
    # Either the loss is in half precision as well, or it was brought there from it.
    if not operations or not (_is_half(operations[0][1]) or "ToCopy" in dict(operations)):
        return 0
    lengths: dict[Node, int] = {}
    # As they were computed: of states that a loss reads all of, each is as near to it as the next.
    sums = [node for name, node in operations if name in SUMS]
    for node in sorted(sums, key=lambda one: one._sequence_nr()):
        lengths[node] = max(1 * _is_half(node), _longest(node, lengths))
    return max(lengths.values(), default=0)


def _longest(node: Node, lengths: dict[Node, int]) -> int:
    """With the sums that it is made of; 0 where none of these is rounded."""
    most = 0
    waiting = [(node, _is_half(node), DEEP)]
    while waiting:
        above, rounded, left = waiting.pop()
        for below, _ in above.next_functions:
            if below is None:
                continue
            half = rounded or _is_half(below)
            if below in lengths:
                most = max(most, (lengths[below] or 1) + 1 if half else 0)
            elif left and operation(below) in BETWEEN:
                waiting.append((below, half, left - 1))
    return most


def _is_half(node: Node) -> bool:
    """Whether its result is in half precision."""
    known = getattr(node, "_input_metadata", None)
    return known is not None and len(known) > 0 and known[0].dtype in HALF
