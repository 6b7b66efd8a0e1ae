"""Targets that an answer cannot come to, because the last operation has a narrower range."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import (
    SAME_ORDER,
    Edge,
    is_square,
    operation,
    shape_of,
    unpacked,
)
from backsight.probes.loss._likeness import likeness_range, number_of
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import loss_targets

__all__ = ["Beyond", "targets_beyond"]

RANGES = {
    "Hardsigmoid": (0.0, 1.0),
    "Hardtanh": (-1.0, 1.0),
    "Relu": (0.0, math.inf),
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Softplus": (0.0, math.inf),
    "Tanh": (-1.0, 1.0),
}
"""Between which numbers the results of an operation lie."""

ERRORS = frozenset({"HuberLoss", "MseLoss", "SmoothL1Loss"})
"""Losses that are least where answer and target are the same number."""

BETWEEN = SAME_ORDER | {"Alias", "Clone", "Permute", "Select", "Slice", "To", "ToCopy", "Transpose"}
"""Numbers stay what they are."""

IN_ORDER = SAME_ORDER | {"Alias", "Clone", "Select", "Slice"}
"""The same, and in the same order, where there are as many afterwards."""

FAR = 8
"""Operations between the two."""

MARGIN = 0.02
"""By which a target has to miss, of the range, or of the targets' own spread: labels are rounded,
and noise exceeds a range a little."""


class Beyond(NamedTuple):
    """The targets of one error.

    Example:
        >>> from backsight.probes import Beyond
        >>> Beyond("tanh", 0.25, 64).share
        0.25
    """

    operation: str
    """What the answers come out of, in small letters; ``likeness`` of e to the power of minus a
    distance, and of a cosine."""
    share: float
    """Of the targets, how many no answer can come to."""
    targets: int


@torch.no_grad()
def targets_beyond(made: LossOperations) -> Iterator[Beyond]:
    """Of each squared error, and of its like, whose answers come out of an operation with a range.

    Between the two, answers may be reshaped and multiplied by one number.

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, targets_beyond
        >>> z, target = torch.zeros(4, requires_grad=True), torch.tensor([0.5, 2.0, 3.0, 4.0])
        >>> for answer in (z.sigmoid(), 5 * z.sigmoid(), z + 0):
        ...     loss = torch.nn.functional.mse_loss(answer, target)
        ...     [(one.operation, one.share) for one in targets_beyond(LossOperations([loss]))]
        [('sigmoid', 0.75)]
        [('sigmoid', 0.0)]
        []
    """
    for given in loss_targets(made):
        if given.loss in ERRORS and (found := _range_of(given.edge)) is not None:
            yield _held_against(given.target, *found)
    for name, node in made.those({"Abs", "Pow"}):
        if name == "Abs" or is_square(node):
            found = _by_hand(node)
            if found is not None:
                yield found


def _held_against(target: Tensor, name: str, low: float, high: float) -> Beyond:
    numbers = target.detach().float().reshape(-1)
    numbers = numbers[numbers.isfinite()]
    if not len(numbers):
        return Beyond(name, 0.0, 0)
    span = high - low
    margin = MARGIN * (span if math.isfinite(span) else float(numbers.std(correction=0)))
    beyond = (numbers < low - margin) | (numbers > high + margin)
    return Beyond(name, float(beyond.float().mean()), len(numbers))


def _range_of(edge: Edge) -> tuple[str, float, float] | None:
    """The operation that answers come out of, and its range; None where that is not known."""
    node: Node | None = edge[0]
    by = 1.0
    for _ in range(FAR):
        if node is None:
            return None
        name = operation(node)
        limits = _limits(node, name)
        if limits is not None:
            ends = sorted(by * end for end in limits[1:])
            return limits[0], ends[0], ends[1]
        if name in ("Cat", "Stack"):  # of a loop: each step in the same way
            parts = {None if one is None else operation(one) for one, _ in node.next_functions}
            if len(parts) > 1:
                return None
        elif name not in BETWEEN:
            number = number_of(node, name)
            if number is None:
                return None
            by *= number
        node = next((one for one, _ in node.next_functions if one is not None), None)
    return None


def _limits(node: Node, name: str) -> tuple[str, float, float] | None:
    """What an operation with a range is called here, and its range."""
    if name == "Hardtanh":
        return "hardtanh", float(node._saved_min_val), float(node._saved_max_val)  # type: ignore[attr-defined]
    if name in RANGES:
        return name.lower(), *RANGES[name]
    alike = likeness_range(node)
    return None if alike is None else ("likeness", *alike)


def _by_hand(node: Node) -> Beyond | None:
    """Of ``(y - t)**2`` and ``(y - t).abs()``, ``y`` being kept by what made it."""
    below, _ = node.next_functions[0]
    difference = unpacked(node, "self")
    if below is None or difference is None or operation(below) != "Sub":
        return None
    sides = [one for one, _ in below.next_functions]
    if sides.count(None) != 1 or getattr(below, "_saved_alpha", 1) != 1:
        return None
    first = sides[0] is not None
    made: Node | None = sides[0 if first else 1]
    while made is not None and operation(made) in IN_ORDER:
        made = made.next_functions[0][0]
    limits = None if made is None else _limits(made, operation(made))
    if made is None or limits is None or shape_of(below, 0) != tuple(difference.shape):
        return None
    answer = unpacked(made, "result") if hasattr(made, "_saved_result") else None
    if answer is None or answer.numel() != difference.numel():
        return None
    answer = answer.detach().reshape(difference.shape)
    target = answer - difference if first else answer + difference
    return _held_against(target, *limits)
