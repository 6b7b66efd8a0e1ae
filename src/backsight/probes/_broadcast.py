"""Losses that hold each prediction against each target, because both are broadcast."""

import math
from collections.abc import Iterator

from torch.autograd.graph import Node

from backsight.probes._loss_operations import LossOperations
from backsight.probes._operations import (
    POINTWISE,
    POINTWISE_KERNELS,
    REDUCTIONS,
    SAME_ORDER,
    operation,
    saved,
    shape_of,
)

__all__ = ["loss_broadcasts"]

DIFFERENCES = frozenset({"Add", "Rsub", "Sub"})


def loss_broadcasts(made: LossOperations) -> int:
    """How many elements a loss is the sum or mean of where prediction and target both broadcast.

    ``(N, 1)`` against ``(N,)`` makes ``(N, N)`` of what should be ``N`` differences. 0 where no
    loss does so. A difference of two things that both carry a gradient (all pairs of a ranking,
    of a contrast) is meant, and so is a target that alone is broadcast.

    Args:
        made: the operations of the loss.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_broadcasts
        >>> y, target = torch.ones(5, 1, requires_grad=True), torch.zeros(5)
        >>> loss_broadcasts(LossOperations([(y - target).square().mean()]))
        25
        >>> loss_broadcasts(LossOperations([(y[:, 0] - target).square().mean()]))
        0
    """
    return max(map(_broadcast, _compared(made)), default=0)


def _compared(made: LossOperations) -> Iterator[Node]:
    """The operations that hold a prediction against a target, from the loss downwards."""
    named = made.named()
    waiting = [named[0][1]] if named else []
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        name = operation(node)
        if name in POINTWISE_KERNELS or name in DIFFERENCES:
            yield node
        passes = name in REDUCTIONS or name in POINTWISE or name in SAME_ORDER
        if not passes or name in POINTWISE_KERNELS:
            continue
        for below, _ in made.inputs(node):
            if below not in seen and len(seen) < 64:
                seen.add(below)
                waiting.append(below)


def _broadcast(node: Node) -> int:
    """Elements of the comparison, if both of its sides were broadcast; otherwise 0."""
    below = LossOperations.inputs(node)
    if len(below) != 1:
        return 0
    name, ((inner, number),) = operation(node), below
    if name in POINTWISE_KERNELS:
        if operation(inner) != "Expand" or not LossOperations.inputs(inner):
            return 0
        given = shape_of(*LossOperations.inputs(inner)[0])
        target = saved(node, "target")
        whole = tuple(target.shape)
        other = [size for size, stride in zip(whole, target.stride(), strict=True) if stride == 0]
        return target.numel() if _grown(given, whole) and any(s > 1 for s in other) else 0
    if operation(inner) == "Expand" and LossOperations.inputs(inner):  # as l1_loss does
        ((inner, number),) = LossOperations.inputs(inner)
    whole, given = shape_of(node, 0), shape_of(inner, number)
    grown = _grown(given, whole)
    # The other side is unknown: it made another axis of the same size, or it would be meant.
    return math.prod(whole) if any(whole.count(size) > 1 for size in grown) else 0


def _grown(old: tuple[int, ...], new: tuple[int, ...]) -> list[int]:
    """Sizes above 1 of the axes of ``new`` that ``old`` was broadcast along."""
    padded = (1,) * (len(new) - len(old)) + old
    return [after for before, after in zip(padded, new, strict=True) if before == 1 < after]
