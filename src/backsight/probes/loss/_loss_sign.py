"""Whether a loss that has a lower bound is maximised: the sign of each of its terms."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import is_square, operation, shape_of
from backsight.probes.loss._classes_by_hand import classes_by_hand
from backsight.probes.loss._loss_operations import RESHAPED

__all__ = [
    "LIMIT",
    "factors",
    "likelihoods_lowered",
    "sign_of",
    "terms_without_bound",
    "weighs_likelihoods",
]

LIMIT = 500
"""Operations between the loss and its terms."""

SUMS = frozenset({"Sum", "Mean", "Stack", "Cat"}) | RESHAPED
"""What keeps a sign, and picks nothing."""

PICKS = frozenset({"Diagonal", "Gather", "Index", "IndexSelect"})
"""What takes the probability of the class that is meant."""

RISING = frozenset({"Log", "Log10", "Log1P", "Log2", "Sqrt"})
"""What grows with what it is given, if that is never negative, such as a sum of distances."""

CUTS = frozenset({"Clamp", "ClampMax", "ClampMin"})

NEARLY = 1e-4
"""By which probabilities may miss 1."""

NEVER_NEGATIVE = frozenset({
    *("BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "CtcLoss", "HuberLoss", "L1Loss"),
    *("MseLoss", "MultiMarginLoss", "NllLoss", "NllLoss2D", "SmoothL1Loss", "SoftMarginLoss"),
})  # fmt: skip
DISTANCES = frozenset({"Abs", "LinalgVectorNorm", "Norm", "Pow"})
"""Never negative either; an error where they are those of a difference from a target, and a penalty
where they are those of a parameter."""


def terms_without_bound(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many terms of a loss fall without bound as they are minimised; 0 unless all do.

    Such a term is a cross-entropy, a squared error or another loss of PyTorch's that is never
    negative, with a negative factor; or a log-probability with a positive one. A term that is
    multiplied by other numbers than a mask or a constant, such as a reward, may have any sign, and
    so may whatever is not known here: then the answer is 0. So it is where each term is the
    log-probability of one choice: a number that all have in common may be their reward.

    Args:
        roots: what backward is called on.
        gradients: those that it is given, one a root; None stands for 1.
        maximised: whether the optimizer climbs.

    Example:
        >>> import torch
        >>> from torch.nn.functional import cross_entropy
        >>> from backsight.probes import terms_without_bound
        >>> logits, classes = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
        >>> loss = cross_entropy(logits, classes)
        >>> terms_without_bound([loss], [None]), terms_without_bound([-loss], [None])
        (0, 1)
        >>> picked = logits.log_softmax(-1)[range(4), classes]
        >>> terms_without_bound([picked.mean()], [None]), terms_without_bound([-picked], [None])
        (1, 0)
    """
    waiting: list[tuple[Node, float, bool]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is None or not sign:
            return 0
        waiting.append((root.grad_fn, -sign if maximised else sign, False))
    found = looked_at = choices = 0
    while waiting:
        node, sign, picked = waiting.pop()
        looked_at += 1
        if _is_penalty(node):  # beside a loss it changes nothing
            continue
        known = _bound(node, sign, picked)
        if known is None:
            labelled = _labelled(node)
            picked = picked or labelled is not None
            inside = [(labelled, 1.0)] if labelled is not None else factors(node)
            inside = inside or _monotone(node)
            if inside is None or looked_at > LIMIT:
                return 0
            picked = picked or operation(node) in PICKS
            waiting += [(below, sign * factor, picked) for below, factor in inside]
        elif known:
            return 0
        else:
            found += 1
            choices += _is_choice(node, picked)
    return found if found > choices else 0


def likelihoods_lowered(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None], *, maximised: bool = False
) -> int:
    """How many log-probabilities, times numbers that vary, a step makes smaller; 0 if it makes any
    larger.

    A policy gradient has such terms. Where the number is a reward, they are to be made larger: what
    is rewarded is to become more likely.

    Args:
        roots, gradients, maximised: as of :func:`terms_without_bound`.

    Example:
        >>> import torch
        >>> from backsight.probes import likelihoods_lowered
        >>> logits, reward = torch.randn(4, 3, requires_grad=True), torch.randn(4)
        >>> gain = (logits.log_softmax(-1)[range(4), [0, 1, 2, 0]] * reward).mean()
        >>> likelihoods_lowered([gain], [None]), likelihoods_lowered([-gain], [None])
        (1, 0)
    """
    lowered = 0
    for sign, _ in _weighted_likelihoods(roots, gradients):
        if (sign < 0) is not maximised:
            return 0
        lowered += 1
    return lowered


def weighs_likelihoods(roots: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> bool:
    """Whether a loss has log-probabilities times given numbers of both signs, as a policy gradient
    has where what is rewarded is held against a mean: such a loss is no measure of anything.

    Args:
        roots, gradients: as of :func:`terms_without_bound`.

    Example:
        >>> import torch
        >>> from backsight.probes import weighs_likelihoods
        >>> logits, reward = torch.randn(4, 3, requires_grad=True), torch.tensor([1.0, 0, 0, 2])
        >>> chosen = logits.log_softmax(-1)[range(4), [0, 1, 2, 0]]
        >>> for weight in (reward, reward - reward.mean()):
        ...     weighs_likelihoods([-(chosen * weight).mean()], [None])
        False
        True
    """
    return any(both for _, both in _weighted_likelihoods(roots, gradients))


def _weighted_likelihoods(
    roots: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> Iterator[tuple[float, bool]]:
    """Each log-probability times numbers that vary: the sign of its factor, and whether the numbers
    have both."""
    waiting: list[tuple[Node, float, bool, bool, bool]] = []
    for root, gradient in zip(roots, gradients, strict=True):
        sign = 1.0 if gradient is None else sign_of(gradient)
        if root.grad_fn is not None and sign:
            waiting.append((root.grad_fn, sign, False, False, False))
    for _ in range(LIMIT):
        if not waiting:
            return
        node, sign, picked, weighted, both = waiting.pop()
        name = operation(node)
        if _is_log_probability(node) or name in ("NllLoss", "NllLoss2D"):
            of_loss = name.startswith("NllLoss")
            if weighted and (of_loss or picked or _picks_before(node)):
                yield -sign if of_loss else sign, both
            continue
        if _is_cut_ratio(node):
            yield sign, True
            continue
        weights = _weights(node)
        if weights is not None:
            weighted, both = True, both or bool((weights < 0).any() and (weights > 0).any())
            inside = [(below, 1.0) for below in _below(node) if below is not None]
        else:
            inside = factors(node) or []
        picked = picked or name in PICKS
        more = [(below, sign * by, picked, weighted, both) for below, by in inside if by]
        waiting += more


def _is_cut_ratio(node: Node) -> bool:
    """The lesser of a ratio times an advantage, and of the same with the ratio cut off: what is to
    be made larger, as of costs it is the greater one that is to be made smaller."""
    if operation(node) != "Minimum":
        return False
    sides = [_through(below, RESHAPED) for below in _below(node)]
    if any(side is None or _weights(side) is None for side in sides):
        return False
    ratios = [one for side in sides if side is not None for one in _below(side) if one is not None]
    cut = [_through(one, RESHAPED) for one in ratios if operation(one) in CUTS]
    plain = [one for one in ratios if operation(one) == "Exp"]
    below = cut[0].next_functions[0][0] if len(cut) == 1 and cut[0] is not None else None
    return len(plain) == 1 and _through(below, RESHAPED) is plain[0]


def _weights(node: Node) -> Tensor | None:
    """Several numbers, of any sign and without a gradient, that it multiplies by; no mask."""
    if operation(node) != "Mul" or _below(node).count(None) != 1:
        return None
    saved = (getattr(node, name, None) for name in ("_saved_other", "_saved_self"))
    factor = next((one for one in saved if isinstance(one, Tensor)), None)
    if factor is None or factor.numel() < 2 or factor.is_complex():
        return None
    return None if bool(((factor == 0) | (factor == 1)).all()) else factor


def _bound(node: Node, sign: float, picked: bool) -> bool | None:
    """Whether a term has a lower bound; None where the operation is no term."""
    name = operation(node)
    if name in ("NllLoss", "NllLoss2D"):
        source = _through(node.next_functions[0][0], RESHAPED)
        return True if source is None or operation(source) != "LogSoftmax" else sign > 0
    if name in DISTANCES:
        squared = name != "Pow" or is_square(node)
        return sign > 0 or not (squared and _is_error(node))
    if name in NEVER_NEGATIVE:
        return sign > 0
    if _is_log_probability(node):
        return not ((picked or _picks_before(node)) and sign > 0)
    return sign < 0 if name == "Add" and _is_yes_or_no(node) else None


def _is_yes_or_no(node: Node) -> bool:
    """``y * log(p) + (1 - y) * log(1 - p)``, of labels or shares ``y``."""
    found = classes_by_hand("Add", node)
    return found is not None and bool(((found.target >= 0) & (found.target <= 1)).all())


def _is_choice(node: Node, picked: bool) -> bool:
    """Whether it is a log-probability of one row alone, as of what an agent does in a step."""
    shape = shape_of(node, 0)
    if operation(node) == "Add":  # yes or no
        return math.prod(shape) == 1
    if not _is_log_probability(node):
        return False
    return math.prod(shape[:-1] if picked else shape) == 1


def _labelled(node: Node) -> Node | None:
    """What is multiplied with one-hot classes, or with probabilities that are given."""
    below = _below(node)
    if operation(node) != "Mul" or below.count(None) != 1:
        return None
    saved = (getattr(node, name, None) for name in ("_saved_other", "_saved_self"))
    labels = next((one for one in saved if isinstance(one, Tensor)), None)
    if labels is None or labels.dim() < 2 or labels.shape[-1] < 2 or labels.is_complex():
        return None
    with torch.no_grad():
        sums = labels.float().sum(-1)
        whole = ((sums - 1).abs() < NEARLY) | ((sums == 0) & (labels == 0).all(-1))  # padding
        if not bool((whole & (labels >= 0).all(-1)).all()) or not bool(sums.any()):
            return None
    return next(one for one in below if one is not None)


def _monotone(node: Node) -> list[tuple[Node, float]] | None:
    """What an operation grows or falls with, where that is never negative; None of any other."""
    name, below = operation(node), _below(node)
    there = [one for one in below if one is not None]
    if name in RISING:
        return [(one, 1.0) for one in there]
    above = getattr(node, "_saved_self", None) if name == "Div" and below[0] is None else None
    falls = isinstance(above, Tensor) and bool((above >= 0).all())
    return [(one, -1.0) for one in there] if falls or name == "Reciprocal" else None


def _is_penalty(node: Node) -> bool:
    """Whether it is the size of a parameter, and not of a difference."""
    if operation(node) not in DISTANCES:
        return False
    below = _through(node.next_functions[0][0], RESHAPED)
    return below is not None and operation(below) == "AccumulateGrad"


def _is_error(node: Node) -> bool:
    """Whether it is the size of a difference from something given, such as a target."""
    below = _through(node.next_functions[0][0], RESHAPED)
    return below is not None and operation(below) in ("Sub", "Rsub") and None in _below(below)


def _is_log_probability(node: Node) -> bool:
    """``log_softmax``, ``x - logsumexp(x)``, or the logarithm of a softmax."""
    name = operation(node)
    if name == "LogSoftmax":
        return True
    if name == "Sub":
        return any(below is not None and operation(below) == "Logsumexp" for below in _below(node))
    if name == "Log":
        share = _through(node.next_functions[0][0], RESHAPED | PICKS | {"Clamp", "Add"})
        source = _through(share, RESHAPED | PICKS | {"Clamp", "Div", "Add"})
        return (source is not None and operation(source) == "Softmax") or _is_share(share)
    return False


def _is_share(node: Node | None, *, picked: bool = False) -> bool:
    """``exp(x) / exp(z).sum()``; where ``x`` has to be ``picked``, whether it is one of the z."""
    if node is None or operation(node) != "Div" or None in _below(node):
        return False
    one, total = (_through(below, RESHAPED) for below in _below(node))
    if one is None or total is None or operation(total) != "Sum":
        return False
    each = _through(total.next_functions[0][0], RESHAPED)
    before = operation(one) in PICKS
    one = _through(one, RESHAPED | PICKS)
    if one is None or each is None or operation(one) != "Exp" or operation(each) != "Exp":
        return False
    below = _through(one.next_functions[0][0], RESHAPED | {"Div", "Mul"})
    return not picked or before or (below is not None and operation(below) in PICKS)


def _picks_before(node: Node) -> bool:
    """Whether the logarithm is taken of what was picked."""
    if operation(node) == "Sub":  # x - logsumexp(z), x one of the z
        picked = _through(node.next_functions[0][0], RESHAPED | {"Div", "Mul"})
        return picked is not None and operation(picked) in PICKS
    below = _through(node.next_functions[0][0], RESHAPED | {"Clamp", "Add"})
    if operation(node) != "Log" or below is None:
        return False
    return operation(below) in PICKS or _is_share(below, picked=True)


def _through(node: Node | None, names: frozenset[str]) -> Node | None:
    while node is not None and operation(node) in names:
        node = node.next_functions[0][0]
    return node


def _below(node: Node) -> list[Node | None]:
    return [below for below, _ in node.next_functions]


def factors(node: Node) -> list[tuple[Node, float]] | None:
    """What a sum is made of, each with the sign of its factor; None where that is not known."""
    name, below = operation(node), _below(node)
    there = [one for one in below if one is not None]
    if name in SUMS or name in PICKS:
        return [(one, 1.0) for one in there]
    if name == "Neg":
        return [(one, -1.0) for one in there]
    if name in ("Add", "Sub", "Rsub"):
        alpha = float(getattr(node, "_saved_alpha", 1))
        if name == "Rsub":
            return [(one, -1.0) for one in there] if alpha == 1 else None
        second = alpha if name == "Add" else -alpha
        pairs = zip(below, (1.0, second), strict=False)
        return [(one, factor) for one, factor in pairs if one is not None]
    if name in ("Mul", "Div") and len(there) == 1:
        constant = getattr(node, "_saved_other", None)
        if constant is None and name == "Mul":
            constant = getattr(node, "_saved_self", None)
        sign = sign_of(constant) if isinstance(constant, Tensor) and below else 0.0
        return [(there[0], sign)] if sign and (name == "Mul" or below[0] is not None) else None
    return None


def sign_of(constant: Tensor) -> float:
    """1 or -1 of a constant or of a mask; 0 where the sign is not known."""
    with torch.no_grad():
        if constant.numel() == 0 or constant.is_complex():
            return 0.0
        low, high = (float(x) for x in torch.aminmax(constant.float()))
        if low == high:
            return float((low > 0) - (low < 0))
        mask = low == 0 and bool(((constant == 0) | (constant == high)).all())
        return 1.0 if mask else 0.0
