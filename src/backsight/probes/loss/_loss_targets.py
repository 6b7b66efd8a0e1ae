"""The targets that PyTorch's losses keep in autograd's graph."""

from collections.abc import Collection, Iterable

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import LAYERS, SAME_ORDER, operation, saved, shape_of
from backsight.probes.loss._classes_by_hand import TAKES, classes_by_hand
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_target import CLASSES, LossTarget

__all__ = [
    "CLASSES",
    "NUMBERS",
    "LossTarget",
    "asks_a_layer",
    "asks_a_unit",
    "loss_targets",
    "target_of",
    "unit_asked",
]

NUMBERS = frozenset(
    {"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "HuberLoss", "MseLoss", "SmoothL1Loss"}
)
"""Losses of numbers, element by element."""


YES_OR_NO = frozenset({"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"})

BETWEEN = SAME_ORDER | {"Index", "Permute", "Select", "Sigmoid", "Slice", "To", "ToCopy"} | {
    "MaskedSelect", "Transpose",
}  # fmt: skip
"""Between a layer and the loss that asks it."""

TARGETS = "targets"

MOST = 64
"""Operations between them."""

NEAR = 128
"""Operations nearest to a loss, all of which are looked at; further ones by their names alone."""


def loss_targets(made: LossOperations, most: int | None = None) -> list[LossTarget]:
    """Each loss of PyTorch's in a graph that keeps its target, nearest to the root first; and each
    cross-entropy by hand.

    A target that itself carries a gradient is none, and one that was overwritten is not known.

    Args:
        made: the operations of the loss.
        most: operations to look at, nearest to the root; all by default.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_targets
        >>> logits = torch.zeros(2, 5, requires_grad=True)
        >>> loss = torch.nn.functional.cross_entropy(logits, torch.tensor([4, -100]))
        >>> (one,) = loss_targets(LossOperations([loss]))
        >>> one.target.tolist(), one.counted.tolist(), one.of_classes
        ([4, -100], [True, False], True)
    """
    if most is not None:
        return _targets(made.named(most))
    if TARGETS not in made.told:
        operations = made.named(NEAR)
        if len(operations) == NEAR:
            near = {node for _, node in operations}
            rest = made.those(CLASSES | NUMBERS | TAKES)
            operations = [*operations, *(one for one in rest if one[1] not in near)]
        made.told[TARGETS] = _targets(operations)
    return [*made.told[TARGETS]]


def _targets(operations: Iterable[tuple[str, Node]]) -> list[LossTarget]:
    found = (target_of(name, node) or classes_by_hand(name, node) for name, node in operations)
    return [one for one in found if one is not None]


def target_of(name: str, node: Node) -> LossTarget | None:
    """That of one operation; None where it is no such loss."""
    if name not in CLASSES and name not in NUMBERS:
        return None
    sides = node.next_functions[:2]
    carried = [number for number, (below, _) in enumerate(sides) if below is not None]
    if len(carried) != 1:
        return None
    try:
        both = saved(node, "self").detach(), saved(node, "target").detach()
    except RuntimeError:  # it was overwritten, or the graph is released
        return None
    prediction, target = both if carried == [0] else both[::-1]
    below, number = sides[carried[0]]
    assert below is not None
    return LossTarget(name, node, target, prediction, (below, number))


def asks_a_layer(given: LossTarget) -> bool:
    """Whether the loss is of classes that a layer has a bias, or weights, for, each of its own.

    Where the classes are candidates (a contrast, a ranking), the right one may always be the first.

    Args:
        given: one of :func:`loss_targets`.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, asks_a_layer, loss_targets
        >>> head, x = torch.nn.Linear(4, 3), torch.randn(5, 4, requires_grad=True)
        >>> for scores in (head(x), x @ x.T[:, :3]):
        ...     loss = torch.nn.functional.cross_entropy(scores, torch.arange(5) % 3)
        ...     print(asks_a_layer(*loss_targets(LossOperations([loss]))))
        True
        False
    """
    if not given.of_classes or given.prediction.dim() < 2:
        return False
    classes = given.prediction.shape[1]
    node = given.edge[0]
    for _ in range(64):
        leaves = [
            below.variable  # type: ignore[attr-defined]
            for below, _ in node.next_functions
            if below is not None and below.name().endswith("AccumulateGrad")
        ]
        if any(isinstance(leaf, torch.Tensor) and classes in leaf.shape for leaf in leaves):
            return True
        inner = [
            below
            for below, _ in node.next_functions
            if below is not None and not below.name().endswith("AccumulateGrad")
        ]
        weights = [b for b in inner if b.name().startswith(("TBackward", "Transpose"))]
        for weight in weights:
            below = weight.next_functions[0][0]
            leaf = getattr(below, "variable", None)
            if leaf is not None and classes in leaf.shape:
                return True
        if len(inner) != 1:
            return False
        (node,) = inner
    return False


def asks_a_unit(given: LossTarget, own: Collection[Tensor], *, numbers: bool = False) -> bool:
    """Whether the loss is of a yes or no, or of a number, that one unit of a linear layer answers.

    A difference of two scores (a ranking) is no such answer, nor is a product of two vectors, nor
    the judgement of an adversary, whose layer somebody else trains.

    Args:
        given: one of :func:`loss_targets`.
        own: parameters that the training moves.
        numbers: whether it may be of a number, in place of a yes or no.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, asks_a_unit, loss_targets
        >>> head, x = torch.nn.Linear(4, 1), torch.randn(5, 4, requires_grad=True)
        >>> for scores in (head(x)[:, 0], head(x)[:, 0] - head(x)[:, 0], x.sum(1)):
        ...     loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.ones(5))
        ...     print(asks_a_unit(*loss_targets(LossOperations([loss])), [*head.parameters()]))
        True
        False
        False
    """
    mine = {id(parameter) for parameter in own}
    return not mine.isdisjoint(unit_asked(given, numbers=numbers))


def unit_asked(given: LossTarget, *, numbers: bool = False) -> frozenset[int]:
    """The identities of the leaves of the layer whose one unit answers, as in :func:`asks_a_unit`.

    Args:
        given: one of :func:`loss_targets`.
        numbers: whether it may be asked for a number, in place of a yes or no.

    Returns:
        none where the loss asks for anything else.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_targets, unit_asked
        >>> head, x = torch.nn.Linear(4, 1), torch.randn(5, 4)
        >>> loss = torch.nn.functional.binary_cross_entropy_with_logits(head(x), torch.ones(5, 1))
        >>> asked = unit_asked(*loss_targets(LossOperations([loss])))
        >>> asked == {id(parameter) for parameter in head.parameters()}
        True
    """
    if given.of_classes or (given.loss in YES_OR_NO) is numbers:
        return frozenset()
    node, number = given.edge
    for _ in range(MOST):
        if operation(node) in LAYERS:
            leaves = (
                getattr(leaf, "variable", None)
                for below, _ in node.next_functions
                if below is not None
                for leaf in (below, *(deeper for deeper, _ in below.next_functions))
            )
            if shape_of(node, number)[-1] != 1:
                return frozenset()
            return frozenset(id(leaf) for leaf in leaves if leaf is not None)
        inner = [
            edge
            for edge in node.next_functions
            if edge[0] is not None and operation(edge[0]) != "AccumulateGrad"
        ]
        if len(inner) != 1 or operation(node) not in BETWEEN:
            return frozenset()
        ((below, number),) = inner
        assert below is not None
        node = below
    return frozenset()
