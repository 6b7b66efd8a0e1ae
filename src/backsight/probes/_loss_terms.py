"""A loss as a sum of PyTorch's losses, or of errors by hand, each with its factor."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional

from backsight.probes._errors_by_hand import error_by_hand
from backsight.probes._loss_targets import LossTarget, target_of
from backsight.probes._operations import POINTWISE, SAME_ORDER, operation, saved, shape_of

__all__ = ["LossTerm", "class_weights", "error_of", "loss_terms"]

MOST = 4096
"""Operations of a sum; a loop adds a loss a step."""

THROUGH = SAME_ORDER | {"Cat", "Expand", "Index", "Select", "Slice", "Stack", "Unbind"}
"""What the losses of a sum may go through before they are added."""


@dataclass(frozen=True, slots=True)
class LossTerm:
    """One of PyTorch's losses, and what it contributes to the loss.

    Example:
        >>> import torch
        >>> from backsight.probes import loss_terms
        >>> guess = torch.zeros(4, requires_grad=True)
        >>> loss = torch.nn.functional.mse_loss(guess + 0, torch.ones(4), reduction="sum")
        >>> (term,) = loss_terms([loss / 2])
        >>> term.factor, term.elements, term.value
        (0.5, 4, 4.0)
    """

    given: LossTarget
    factor: float | None
    """Of the sum over its elements that count; None where it is not known."""

    @property
    def elements(self) -> float:
        """Of its target, those that count; of classes with weights, the sum of theirs."""
        given = self.given
        weight = class_weights(given)
        if weight is None:
            return int(given.counted.sum())
        chosen = given.target.reshape(-1)[given.counted]
        return float(weight.double()[chosen].sum())

    @property
    def value(self) -> float:
        """The sum over its elements; NaN of numbers that weigh differently."""
        given = self.given
        prediction, target = given.prediction, given.target
        if given.of_classes:  # a copy of all classes may be large
            axis = min(1, prediction.dim() - 1)
            within = target.clamp(0, prediction.shape[axis] - 1).unsqueeze(axis)
            chosen = prediction.gather(axis, within).reshape(-1)[given.counted]
            weight = class_weights(given)
            if weight is not None:
                chosen = chosen * weight[target.reshape(-1)[given.counted]]
            return float(-chosen.sum(dtype=torch.float64))
        if given.weighted or given.loss not in ERRORS or prediction.shape != target.shape:
            return math.nan
        wide = torch.promote_types(prediction.dtype, torch.float32)
        each = error_of(given)(prediction.to(wide), target.to(wide))
        return float(each.sum(dtype=torch.float64))


def class_weights(given: LossTarget) -> Tensor | None:
    """``(C,)``, of a loss of classes; None where all weigh the same, or of numbers."""
    return getattr(given.node, "_saved_weight", None) if given.of_classes else None


ERRORS: dict[str, Callable[..., Tensor]] = {
    "BinaryCrossEntropy": functional.binary_cross_entropy,
    "BinaryCrossEntropyWithLogits": functional.binary_cross_entropy_with_logits,
    "HuberLoss": functional.huber_loss,
    "L1Loss": functional.l1_loss,
    "MseLoss": functional.mse_loss,
    "SmoothL1Loss": functional.smooth_l1_loss,
}


def error_of(given: LossTarget) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of each element, of numbers, as a function of prediction and target."""
    named = {"HuberLoss": "delta", "SmoothL1Loss": "beta"}.get(given.loss)
    settings = {} if named is None else {named: float(saved(given.node, named))}
    return partial(ERRORS[given.loss], reduction="none", **settings)


@torch.no_grad()
def loss_terms(roots: Sequence[Tensor]) -> list[LossTerm]:
    """The losses of PyTorch's, and the errors by hand, that a loss is the sum of.

    Whether they are all of it is for the caller to see: ``factor`` times ``value``, added up, is
    the loss then.

    Args:
        roots: what backward is called on, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import loss_terms
        >>> z = torch.zeros(2, 3, requires_grad=True).log_softmax(1)
        >>> nll = torch.nn.functional.nll_loss
        >>> loss = nll(z, torch.tensor([0, 1])) + 3 * nll(z, torch.tensor([2, 1]))
        >>> [term.factor for term in loss_terms([loss])]  # of the sums over two elements
        [0.5, 1.5]
    """
    found: list[LossTerm] = []
    waiting: list[tuple[Node, float | None]] = [
        (root.grad_fn, 1.0) for root in roots if root.grad_fn is not None
    ]
    for _ in range(MOST):
        if not waiting:
            break
        node, factor = waiting.pop()
        name = operation(node)
        given = target_of(name, node) or error_by_hand(node)
        if given is not None:
            term = LossTerm(given, factor)
            if factor is not None and given.reduction == "mean":
                term = LossTerm(given, factor / term.elements if term.elements else None)
            found.append(term)
            continue
        if name not in POINTWISE and name not in THROUGH and name not in ("Mean", "Sum"):
            continue
        sides = [
            (below, _times(factor, _factor(name, node, side, below, number)))
            for side, (below, number) in enumerate(node.next_functions)
            if below is not None
        ]
        waiting += reversed(sides)
    return found


def _times(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a * b


def _factor(name: str, node: Node, side: int, below: Node, number: int) -> float | None:
    """What an element of one of its inputs is multiplied by in the result."""
    if name in ("Cat", "Stack", "Sum", "To", "ToCopy", "Clone", "Alias") or name in SAME_ORDER:
        return 1.0
    if name == "Mean":
        return math.prod(shape_of(node, 0)) / max(1, math.prod(shape_of(below, number)))
    if name in ("Add", "Sub"):
        sign = -1.0 if name == "Sub" and side else 1.0
        return sign * float(saved(node, "alpha")) if side else 1.0
    if name == "Neg":
        return -1.0
    if name in ("Div", "Mul"):
        other = getattr(node, "_saved_other", None)
        if name == "Mul" and side:
            other = getattr(node, "_saved_self", None)
        if side and name == "Div":
            return None
        if isinstance(other, Tensor) and other.numel() == 1:
            by = float(other.detach())
            return by if name == "Mul" else 1 / by if by else None
    return None
