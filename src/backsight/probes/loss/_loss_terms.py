"""A loss as a sum of PyTorch's losses, or of errors by hand, each with its factor."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional

from backsight.probes._operations import POINTWISE, SAME_ORDER, operation, saved, shape_of
from backsight.probes.loss._classes_by_hand import NEAR_TAKES, TAKES, classes_by_hand
from backsight.probes.loss._errors_by_hand import OPERATIONS, error_by_hand
from backsight.probes.loss._label_smoothing import SmoothPart, smooth_part
from backsight.probes.loss._loss_targets import LossTarget, target_of
from backsight.probes.loss._loss_weights import is_selection, weights_of

__all__ = ["LossTerm", "class_weights", "error_of", "loss_terms"]

MOST = 4096
"""Operations of a sum; a loop adds a loss a step."""

THROUGH = SAME_ORDER | {
    *("Cat", "Expand", "Index", "MaskedSelect", "Mean", "Select", "Slice", "Stack", "Sum"),
    *("Permute", "Transpose", "Unbind"),
}
"""What the losses of a sum may go through before they are added."""

UNCHANGED = frozenset(
    {"Alias", "Cat", "Clone", "Permute", "Stack", "Sum", "To", "ToCopy", "Transpose"}
)
"""In which each number comes once, and as it is."""

HITS = 1024
"""Targets that are held against what was predicted."""

SAME = 1e-4
"""Relative difference of smoothings that are the same but for rounding."""


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
        (0.5, 4.0, 4.0)
    """

    given: LossTarget
    factor: float | None
    """Of the sum over its elements that count; None where it is not known."""
    weights: Tensor | None = None
    """``(n,)`` float64: what each target weighs after a mask, or after a division by counts; 1 on
    average, of those that are not 0. None where all weigh the same."""
    smoothing: float = 0.0
    """What the log-probability of each class weighs, by that of the target (label smoothing)."""

    @property
    def amounts(self) -> Tensor:
        """``(n,)`` float64: what each target weighs, its class's weight left out; 0 where it does
        not count."""
        counted = self.given.counted.double()
        return counted if self.weights is None else counted * self.weights

    @property
    def elements(self) -> float:
        """What the sum would be if each log-probability, or error, were 1: how many targets count,
        if all weigh the same."""
        amounts, weight = self.amounts, class_weights(self.given)
        total = amounts if weight is None else amounts * _of_target(self.given, weight)
        smooth = self.smoothing and self.smoothing * float(_weight_of_each(self.given).sum())
        return float(total.sum()) + smooth * float(amounts.sum())

    @property
    def value(self) -> float:
        """The sum over its elements; NaN of numbers that weigh differently."""
        each, amounts = _each(self.given), self.amounts
        if each is None:
            return math.nan
        if self.smoothing:
            each = each + self.smoothing * _all_classes(self.given)
        chosen = amounts != 0  # the others may be infinite
        return float((each[chosen] * amounts[chosen]).sum())


def _each(given: LossTarget) -> Tensor | None:
    """``(n,)`` float64: the loss of each target; of those that do not count, any number."""
    prediction, target = given.prediction, given.target
    if given.of_classes:  # a copy of all classes may be large
        axis = min(1, prediction.dim() - 1)
        within = target.clamp(0, prediction.shape[axis] - 1).unsqueeze(axis)
        each = -prediction.gather(axis, within).reshape(-1).double()
        weight = class_weights(given)
        return each if weight is None else each * _of_target(given, weight)
    if given.weighted or given.loss not in ERRORS or prediction.shape != target.shape:
        return None
    wide = torch.promote_types(prediction.dtype, torch.float32)
    return error_of(given)(prediction.to(wide), target.to(wide)).reshape(-1).double()


def _of_target(given: LossTarget, weight: Tensor) -> Tensor:
    """``(n,)`` float64: the weight of each target's class."""
    return weight.double()[given.target.reshape(-1).clamp(0, len(weight) - 1)]


def _weight_of_each(given: LossTarget) -> Tensor:
    """``(C,)``: of each class."""
    weight, prediction = class_weights(given), given.prediction
    classes = prediction.shape[min(1, prediction.dim() - 1)]
    return prediction.new_ones(classes) if weight is None else weight.to(prediction.dtype)


def _all_classes(given: LossTarget) -> Tensor:
    """``(n,)`` float64: minus the log-probabilities of all classes, times their weights."""
    last = given.prediction.movedim(min(1, given.prediction.dim() - 1), -1)
    return -(last @ _weight_of_each(given)).reshape(-1).double()


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
    """The loss of each element, of numbers, as a function of prediction and target.

    Args:
        given: of a loss of numbers.

    Example:
        >>> import torch
        >>> from backsight.probes import loss_terms
        >>> from backsight.probes.loss._loss_terms import error_of
        >>> said, true = torch.zeros(2, requires_grad=True), torch.tensor([0.5, 3.0])
        >>> (term,) = loss_terms([torch.nn.functional.huber_loss(said, true)])
        >>> error_of(term.given)(said.detach(), true).tolist()
        [0.125, 2.5]
    """
    named = {"HuberLoss": "delta", "SmoothL1Loss": "beta"}.get(given.loss)
    settings = {} if named is None else {named: float(saved(given.node, named))}
    return partial(ERRORS[given.loss], reduction="none", **settings)


@torch.no_grad()
def loss_terms(roots: Sequence[Tensor]) -> list[LossTerm]:
    """The losses of PyTorch's, and what is written by hand in their place, that a loss sums up.

    A cross-entropy by hand whose rows weigh differently is none: it may be a policy gradient.

    Whether they are all of it is for the caller to see: ``factor`` times ``value``, added up, is
    the loss then. Elements may be masked, selected, or divided by counts; not by their own size.

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
    found: list[_Found] = []
    waiting = [_Way(root.grad_fn, 1.0, True) for root in roots if root.grad_fn is not None]
    for _ in range(MOST):
        if not waiting:
            break
        way = waiting.pop()
        node, name = way.node, operation(way.node)
        given = _given(name, node)
        if given is not None:
            found.append(_Found(given, _taking(given, way)))
        elif name in POINTWISE or name in THROUGH:
            waiting += reversed([*_further(way, name)])
    return _terms(found, roots)


def _given(name: str, node: Node) -> "LossTarget | SmoothPart | None":
    if name in OPERATIONS:
        return error_by_hand(node)
    if name in TAKES or name in NEAR_TAKES:
        return classes_by_hand(name, node)
    return smooth_part(node) if name == "Sum" else target_of(name, node)


class _Way(NamedTuple):
    """How a loss comes to an operation."""

    node: Node
    factor: float | None
    """What an element of it is multiplied by in the loss."""
    selects: bool
    """Whether all that happens on the way is that, and that elements are selected."""


class _Found(NamedTuple):
    """What a loss has come to."""

    given: LossTarget | SmoothPart
    way: _Way


def _taking(given: "LossTarget | SmoothPart", way: _Way) -> _Way:
    """To what takes the classes, where that is subtracted from a ``logsumexp``."""
    if isinstance(given, SmoothPart) or given.node is way.node:
        return way
    return _Way(given.node, None if way.factor is None else -way.factor, way.selects)


def _further(way: _Way, name: str) -> Iterator[_Way]:
    for side, (below, number) in enumerate(way.node.next_functions):
        if below is not None:
            one = _factor(name, way.node, side, below, number)
            selects = way.selects and (one is not None or is_selection(name, way.node, side))
            yield _Way(below, _times(way.factor, one), selects)


def _terms(found: Sequence[_Found], roots: Sequence[Tensor]) -> list[LossTerm]:
    """With the weights of what is masked, and label smoothing where it belongs."""
    weights = _weights(found, roots)
    terms: list[LossTerm] = []
    for given, way in found:
        if isinstance(given, SmoothPart):
            continue
        term = LossTerm(given, way.factor)
        if given.by_hand:
            taken = _by_hand(given, way.factor, weights.get(way.node))
            terms += [] if taken is None else [taken]
            continue
        if way.factor is not None and given.reduction == "mean":
            term = LossTerm(given, way.factor / term.elements if term.elements else None)
        elif way.factor is None and way.node in weights:
            term = _weighted(given, weights[way.node])
        terms.append(term)
    for part, way in found:
        if isinstance(part, SmoothPart):
            smooth = weights.get(way.node)
            for number, term in enumerate(terms):
                if part.belongs_to(term.given, class_weights(term.given)):
                    terms[number] = _smoothed(term, way.factor, smooth)
    return terms


def _weights(found: Sequence[_Found], roots: Sequence[Tensor]) -> dict[Node, Tensor]:
    """Of what no single factor is known, and nothing but a selection has happened to."""
    ways = [way for _, way in found]
    often = Counter(way.node for way in ways)
    asked = [
        way.node
        for given, way in found
        if way.factor is None and way.selects and often[way.node] == 1
        if isinstance(given, SmoothPart) or given.reduction == "none"
    ]
    if not asked or len(roots) != 1 or roots[0].numel() != 1:
        return {}
    weights = zip(asked, weights_of(roots[0], asked), strict=True)
    return {node: one for node, one in weights if one is not None}


def _by_hand(given: LossTarget, factor: float | None, weights: Tensor | None) -> LossTerm | None:
    """Of a cross-entropy by hand; None where it is to grow, or its rows weigh differently."""
    if factor is not None:
        return LossTerm(given, -factor) if factor < 0 else None
    if weights is None:
        return None
    if weights.numel() == given.prediction.numel() != given.target.numel():  # one-hot targets
        axis = min(1, given.prediction.dim() - 1)
        whole = weights.reshape(given.prediction.shape)
        within = given.target.clamp(min=0).unsqueeze(axis)
        weights = whole.gather(axis, within).reshape(-1)
    there = weights[weights != 0]
    if not len(there) or not bool((there == there[0]).all()) or float(there[0]) > 0:
        return None
    term = _weighted(given, -weights)
    return None if term.factor is None else term


def _weighted(given: LossTarget, weights: Tensor) -> LossTerm:
    counted, each = given.counted, _each(given)
    if each is None or weights.shape != each.shape:
        return LossTerm(given, None)
    there = counted & (weights != 0)
    chosen = there[counted]
    if not bool(chosen.any()):
        return LossTerm(given, None)
    by_value = _is_by_size(each[counted], chosen) or _is_by_hits(given, chosen)
    if by_value and not _is_padding(given.target.reshape(-1)[counted], chosen):
        return LossTerm(given, None)
    factor = float(weights[there].mean())
    even = bool((weights[there] == weights[there][0]).all()) and bool(there.eq(counted).all())
    return LossTerm(given, factor, None if even else weights / factor)


def _is_padding(targets: Tensor, there: Tensor) -> bool:
    """Whether all that was left out has one value, which nothing else has."""
    left, others = targets[there], targets[~there]
    one = bool((others == others[0]).all()) and not bool((left == others[0]).any())
    return one and bool((left != left[0]).any())


def _is_by_size(each: Tensor, there: Tensor) -> bool:
    """Whether the largest losses were selected, or the smallest."""
    if bool(there.all()):
        return False
    chosen, others = each[there], each[~there]
    return bool(chosen.min() >= others.max()) or bool(chosen.max() <= others.min())


def _is_by_hits(given: LossTarget, there: Tensor) -> bool:
    """Whether the targets that were hit were selected, or those that were missed."""
    target, prediction = given.target, given.prediction
    if not given.of_classes or not target.dim():
        return False
    some = max(1, HITS * len(target) // target.numel())  # of many, the first ones tell
    hits = (prediction[:some].argmax(1) == target[:some]).reshape(-1)
    hits = hits[given.counted[: len(hits)]]
    there = there[: len(hits)]
    if bool(there.all()) or not bool(there.any()):
        return False
    return torch.equal(hits, there) or torch.equal(~hits, there)


def _smoothed(term: LossTerm, factor: float | None, smooth: Tensor | None) -> LossTerm:
    """With the weight of all classes by that of the target, if it is the same everywhere."""
    if term.factor is None or (factor is None and smooth is None):
        return term
    amounts = term.factor * term.amounts
    weights = torch.full_like(amounts, factor or 0.0) if smooth is None else smooth
    if weights.shape != amounts.shape:
        return term
    there = amounts != 0
    shares = -weights[there] / amounts[there]
    if not len(shares) or bool((weights[~there] != 0).any()):
        return term
    share = float(shares.mean())
    even = bool(((shares - share).abs() <= SAME * abs(share)).all())
    return replace(term, smoothing=share) if even and share > 0 else term


def _times(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a * b


def _factor(name: str, node: Node, side: int, below: Node, number: int) -> float | None:
    """What an element of one of its inputs is multiplied by in the result."""
    if name in UNCHANGED or name in SAME_ORDER:
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
        if isinstance(other, (float, int)) or (isinstance(other, Tensor) and other.numel() == 1):
            by = float(other)
            return by if name == "Mul" else 1 / by if by else None
    return None
