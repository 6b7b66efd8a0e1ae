"""Losses that hold each prediction against each target, because both are broadcast."""

import math
from collections.abc import Collection, Iterator

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    LAYERS,
    PLAIN,
    POINTWISE,
    POINTWISE_KERNELS,
    REDUCTIONS,
    SAME_ORDER,
    operation,
    saved,
    shape_of,
    unpacked,
)
from backsight.probes.loss._errors_by_hand import difference_by_hand
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["loss_broadcasts", "steps_of_one_target"]

FEWEST = 3
"""Steps."""

SAME = 1e-4
"""Of the largest difference: a target that was computed from one is rounded."""

MOST = 64
"""Operations nearest to the loss, among which it compares."""

FAR = 16
"""Operations between a comparison and the states side by side."""

PASSES = POINTWISE | SAME_ORDER | LAYERS | {"Permute", "Transpose"}

DIFFERENCES = frozenset({"Add", "Rsub", "Sub"})

PICKED = frozenset({"Cat", "Index", "IndexSelect", "MaskedSelect", "Slice", "Stack"})
"""The losses of several sequences side by side, or some of them."""


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


def steps_of_one_target(made: LossOperations, sizes: Collection[tuple[int, int]]) -> int:
    """Steps of a sequence whose answers are all held against one target, which is broadcast.

    The axis of steps is one that a layer has run along, or along which what a loop has made step
    by step is put side by side. Several answers of another kind (quantiles, raters) are none.

    Args:
        made: the operations of the loss, while the graph is whole.
        sizes: steps and sequences of what fused layers were given.

    Returns:
        0 where there is no such target.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, steps_of_one_target
        >>> head, wanted = torch.nn.Linear(4, 1), torch.randn(6, 1, 1)
        >>> states = torch.randn(6, 5, 4)
        >>> for asked in (wanted, wanted + torch.zeros(6, 5, 1)):
        ...     loss = (head(states) - asked).square().mean()
        ...     steps_of_one_target(LossOperations([loss]), {(5, 6)})
        5
        5
        >>> loss = (head(states)[:, -1:] - wanted).square().mean()
        >>> steps_of_one_target(LossOperations([loss]), {(5, 6)})
        0
    """
    found = 0
    for name, node in made.named(MOST):
        if name in POINTWISE_KERNELS:
            found = max(found, _in_kernel(node, sizes))
        elif name not in PLAIN and name not in REDUCTIONS:
            found = max(found, _by_hand(node, sizes))
    return found


def _in_kernel(node: Node, sizes: Collection[tuple[int, int]]) -> int:
    carried = [edge for edge in node.next_functions[:2] if edge[0] is not None]
    if len(carried) != 1:
        return 0
    target: Tensor = saved(node, "target")
    alike = [a for a, stride in enumerate(target.stride()) if stride == 0 < target.shape[a] - 1]
    return _steps(carried[0][0], tuple(target.shape), alike, sizes)


def _by_hand(node: Node, sizes: Collection[tuple[int, int]]) -> int:
    given = difference_by_hand(node)
    if given is None or given[0].dim() < 2:
        return 0
    target, edge = given
    limit = SAME * float(target.abs().max())
    alike = []
    for axis in range(target.dim()):
        first = target.narrow(axis, 0, 1)
        if target.shape[axis] > 1 and bool(((target - first).abs() <= limit).all()):
            alike.append(axis)
    return _steps(edge[0], tuple(target.shape), alike, sizes)


def _steps(
    node: Node | None, shape: tuple[int, ...], alike: list[int], sizes: Collection[tuple[int, int]]
) -> int:
    """The size of the one axis along which targets are alike, if it is that of steps."""
    if len(alike) != 1 or shape[alike[0]] < FEWEST:
        return 0
    steps, others = shape[alike[0]], [n for a, n in enumerate(shape) if a != alike[0]]
    if any(steps == one != batch and batch in others for one, batch in sizes):
        return steps
    for _ in range(FAR):
        if node is None:
            return 0
        name = operation(node)
        if name in ("Cat", "Stack"):
            return steps if len(node.next_functions) == steps else 0
        if name not in PASSES:
            return 0
        given = [n for n, _ in node.next_functions if n and operation(n) != "AccumulateGrad"]
        layers = [n for n in given if operation(n) not in ("T", "Transpose")] or given
        node = layers[0] if layers else None
    return 0


def _compared(made: LossOperations) -> Iterator[Node]:
    """The operations that hold a prediction against a target, from the loss downwards."""
    named = made.named()
    waiting = [named[0][1]] if named else []
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        name = operation(node)
        if name in POINTWISE_KERNELS or name in DIFFERENCES or name == "Mul":
            yield node
        passes = name in REDUCTIONS or name in POINTWISE or name in SAME_ORDER or name in PICKED
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
    if name == "Mul":  # a likelihood by hand: target times logarithm
        carried = node.next_functions[0][0] is not None
        weight = unpacked(node, "other" if carried else "self")
        if weight is None or not _grown(tuple(weight.shape), whole):
            return 0
    # The other side is unknown: it made another axis of the same size, or it would be meant.
    return math.prod(whole) if any(whole.count(size) > 1 for size in grown) else 0


def _grown(old: tuple[int, ...], new: tuple[int, ...]) -> list[int]:
    """Sizes above 1 of the axes of ``new`` that ``old`` was broadcast along."""
    padded = (1,) * (len(new) - len(old)) + old
    return [after for before, after in zip(padded, new, strict=True) if before == 1 < after]
