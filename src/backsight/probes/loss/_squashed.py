"""What of a graph is squashed twice: a softmax or sigmoid below one that a loss applies itself."""

import math
from collections.abc import Iterator

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import SAME_ORDER, axes_of, operation, saved, shape_of, unpacked
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["squashed_twice"]

LOSSES = {
    "NllLoss": "cross-entropy",
    "NllLoss2D": "cross-entropy",
    "LogSoftmax": "cross-entropy",
    "CtcLoss": "CTC",
    "BinaryCrossEntropyWithLogits": "binary cross-entropy with logits",
    "LogSigmoid": "binary cross-entropy with logits",
    "BinaryCrossEntropy": "binary cross-entropy",
}
OWN = frozenset({"BinaryCrossEntropyWithLogits", "LogSigmoid", "LogSoftmax"})
"""They apply their own."""

LOGARITHMS = frozenset({"Log", "Log1P"})
"""The first half of a loss by hand; and the last part of one that does without a sigmoid."""

OF_PROBABILITIES = LOGARITHMS | {"BinaryCrossEntropy"}
"""What is given probabilities: two squashings are one too many."""

KEPT = frozenset(
    {"Amax", "Clamp", "ClampMax", "ClampMin", "Expand", "Gather", "Index", "IndexSelect"}
    | {"MaskedFill", "MaskedSelect", "Max", "Mean", "MeanDim", "NativeDropout"}
)
"""They leave probabilities between 0 and 1, or cut off, left out or filled in: some of them, and
the means and the largest ones over steps."""

WRITTEN = frozenset({"Logsumexp", "Softplus"})
"""Of such numbers, less what is asked for of them: both losses by hand."""

NEAREST = 128
"""Operations nearest to the loss, among which losses by hand are."""

SQUASHED = frozenset({"Hardsigmoid", "LogSigmoid", "Sigmoid", "Softmax"})

LEAST, MOST = 0.25, 2.0
"""What probabilities may be multiplied by: a temperature makes logits of them. A mask, and that of
a dropout, has zeros as well."""

BETWEEN = 6
"""Operations between such numbers and what is asked for of them."""

FAR = 16
"""Operations between the two."""


def squashed_twice(made: LossOperations) -> Iterator[tuple[str, str]]:
    """What was applied before a loss that applies the like itself, or that expects logarithms.

    A log-softmax and a log-sigmoid count as the loss that they are the first half of. Between the
    two, numbers may be reshaped, cut off, shifted and multiplied by something near 1, or divided by
    their sum. A logarithm of probabilities undoes what a softmax does. A softmax of one unit alone
    is 1 whatever the unit says.

    Args:
        made: the operations of the loss, while the graph is whole.

    Returns:
        of each place, what was applied, in small letters, and the loss.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, squashed_twice
        >>> z, y = torch.randn(5, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1])
        >>> ce = torch.nn.functional.cross_entropy
        >>> for x in (z, z.softmax(1) + 1e-8, (z.softmax(1) + 1e-8).log()):
        ...     list(squashed_twice(LossOperations([ce(x, y)])))
        []
        [('softmax', 'cross-entropy')]
        []
    """
    yield from _by_hand(made)
    for name, node in made.those(LOSSES.keys() | LOGARITHMS):
        before = _before(node)
        from_name = None if before is None else _squash(before)
        if before is None or from_name is None:
            continue
        if name in OF_PROBABILITIES:
            if from_name not in ("Hardsigmoid", "Sigmoid", "Softmax"):
                continue
            inner = _before(before)
            first = None if inner is None else _squash(inner)
            if name == "BinaryCrossEntropy" and _is_of_one(before):
                yield "softmax of one unit", LOSSES[name]
            # An attention may be a softmax of scores that were squashed before.
            if first == from_name:
                loss = "binary cross-entropy" if "igmoid" in first else "cross-entropy"
                yield f"{first.lower()} of a {first.lower()}", loss
        elif name in OWN:
            if name != "LogSoftmax" and from_name == "Softmax":
                continue
            yield from_name.lower(), LOSSES[name]
        elif from_name != "LogSigmoid":  # should be logarithms
            yield from_name.lower(), LOSSES[name]


def _before(node: Node) -> Node | None:
    """What the first input of an operation comes from; one of several like it side by side."""
    below = LossOperations.source(node.next_functions[0][0])
    for _ in range(FAR):
        if below is None or _squash(below) is not None or not _passes(below):
            return below
        carried = [one for one, _ in below.next_functions if one is not None]
        below = LossOperations.source(carried[0])
    return None


def _passes(node: Node) -> bool:
    """Whether probabilities stay about what they are."""
    name = operation(node)
    sides = [below for below, _ in node.next_functions]
    if name in KEPT or _are_alike(node):
        return sides[0] is not None
    if len(sides) != 2 or all(side is None for side in sides):
        return False
    if name == "Div" and None not in sides:  # by their sum
        total = _reshaped(sides[1])
        return total is not None and operation(total) == "Sum" and _of(total) is sides[0]
    if None not in sides:
        return False
    side = 0 if sides[0] is not None else 1
    if name in ("Add", "Sub"):
        return shape_of(*node.next_functions[side]) == shape_of(node, 0)  # type: ignore[arg-type]
    if name not in ("Div", "Mul") or (name == "Div" and side):
        return False
    by = unpacked(node, "other" if side == 0 else "self")
    if by is None:
        return False
    if by.numel() != 1:
        return name == "Mul" and _is_mask(by, shape_of(node, 0))
    factor = abs(float(by))
    return LEAST <= (factor if name == "Mul" else 1 / factor if factor else 0.0) <= MOST


def _is_mask(by: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether it leaves numbers as they are, or at most doubles them, and others out."""
    if by.numel() > math.prod(shape) or not by.numel() or by.is_complex():
        return False
    least, most = (float(x) for x in by.detach().aminmax())
    return least >= 0 and LEAST <= most <= MOST


def _by_hand(made: LossOperations) -> Iterator[tuple[str, str]]:
    """``logsumexp(p) - p[y]`` and ``softplus(p) - y * p`` of a ``p`` that is squashed."""
    for name, node in made.named(NEAREST):
        if name not in ("Add", "Sub") or len(node.next_functions) != 2:
            continue
        sides = [LossOperations.source(below) for below, _ in node.next_functions]
        for side, other in (sides, sides[::-1]):
            kind = None if side is None else operation(side)
            if side is None or kind not in WRITTEN or other is None:
                continue
            given = LossOperations.source(side.next_functions[0][0])
            before = None if given is None else _squash(given)
            if given is not None and before is not None and _leads(other, given):
                soft = kind == "Logsumexp"
                yield before.lower(), LOSSES["LogSoftmax" if soft else "LogSigmoid"]


def _is_of_one(node: Node) -> bool:
    """Whether it is a softmax along an axis of one element, which is 1 whatever that is."""
    if operation(node) != "Softmax":
        return False
    shape = shape_of(node, 0)
    return bool(shape) and all(
        shape[one] == 1 for one in axes_of(int(saved(node, "dim")), len(shape))
    )


def _leads(node: Node | None, to: Node) -> bool:
    """Whether numbers of ``to``, picked and weighed, are what an operation is given."""
    for _ in range(BETWEEN):
        node = LossOperations.source(node)
        if node is None or node is to:
            return node is to
        if operation(node) not in ("Gather", "Index", "Mul", "Neg", "Sum"):
            return False
        carried = [below for below, _ in node.next_functions if below is not None]
        node = carried[0] if len(carried) == 1 else None
    return False


def _squash(node: Node) -> str | None:
    """The function that an operation is, or that it is the last step of."""
    name = operation(node)
    if name in SQUASHED:
        return name
    if name == "Div":  # exp(z) / exp(z).sum()
        left, right = (below for below, _ in node.next_functions[:2])
        total = _reshaped(right)
        if left is None or total is None or operation(left) != "Exp":
            return None
        return "Softmax" if operation(total) == "Sum" and _of(total) is left else None
    if name == "Reciprocal":  # 1 / (1 + exp(-z))
        below = node.next_functions[0][0]
        inner = [one for one, _ in below.next_functions if one is not None] if below else []
        is_sum = below is not None and operation(below) == "Add" and len(inner) == 1
        return "Sigmoid" if is_sum and operation(inner[0]) == "Exp" else None
    return None


def _reshaped(node: Node | None) -> Node | None:
    while node is not None and operation(node) in SAME_ORDER | {"Expand"}:
        node = node.next_functions[0][0]
    return node


def _of(node: Node) -> Node | None:
    return node.next_functions[0][0]


def _are_alike(node: Node) -> bool:
    """Whether all that it puts side by side comes from the same operation, as step by step."""
    if operation(node) not in ("Cat", "Stack"):
        return False
    parts = [LossOperations.source(below) for below, _ in node.next_functions]
    return len({None if part is None else operation(part) for part in parts}) == 1
