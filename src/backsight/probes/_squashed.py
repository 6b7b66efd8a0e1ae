"""What of a graph is squashed twice: a softmax or sigmoid below one that a loss applies itself."""

from collections.abc import Iterator

from torch.autograd.graph import Node

from backsight.probes._loss_operations import LossOperations
from backsight.probes._operations import SAME_ORDER, operation, shape_of, unpacked

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

CUT = frozenset({"Clamp", "ClampMax", "ClampMin"})
"""What logarithms of probabilities need, and logits do not."""

SQUASHED = frozenset({"Hardsigmoid", "LogSigmoid", "Sigmoid", "Softmax"})

LEAST, MOST = 0.25, 2.0
"""What probabilities may be multiplied by: a temperature makes logits of them."""

FAR = 16
"""Operations between the two."""


def squashed_twice(made: LossOperations) -> Iterator[tuple[str, str]]:
    """What was applied before a loss that applies the like itself, or that expects logarithms.

    A log-softmax and a log-sigmoid count as the loss that they are the first half of. Between the
    two, numbers may be reshaped, cut off, shifted and multiplied by something near 1, or divided by
    their sum. A logarithm of probabilities undoes what a softmax does.

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
    for name, node in made.those(LOSSES.keys()):
        loss, before = LOSSES[name], _before(node)
        from_name = None if before is None else _squash(before)
        if before is None or from_name is None:
            continue
        if name == "BinaryCrossEntropy":  # which is given probabilities
            before = _before(before) if from_name in ("Hardsigmoid", "Sigmoid") else None
            from_name = None if before is None else _squash(before)
            if from_name not in ("Hardsigmoid", "Sigmoid"):
                continue
            yield from_name.lower(), "binary cross-entropy, after another sigmoid"
        elif name in OWN:
            if name != "LogSoftmax" and from_name == "Softmax":
                continue
            yield from_name.lower(), loss
        elif from_name != "LogSigmoid":  # these should be logarithms
            yield from_name.lower(), loss


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
    if name in CUT or _are_alike(node):
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
    if by is None or by.numel() != 1:
        return False
    factor = abs(float(by))
    return LEAST <= (factor if name == "Mul" else 1 / factor if factor else 0.0) <= MOST


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
