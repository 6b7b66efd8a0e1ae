"""What a loss of logarithms, or of probabilities, is given that is neither."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import LAYERS, operation, saved, shape_of, unpacked
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["unsquashed"]

RAW = LAYERS | {
    *("Convolution", "Elu", "Gelu", "LeakyRelu", "NativeBatchNorm", "NativeGroupNorm", "Relu"),
    *("Silu", "Tanh"),
}
"""What ends in numbers of any size; the logarithm of a probability is another operation."""

PICKS = frozenset({"Index", "IndexSelect", "MaskedSelect", "NativeDropout"})

LOSSES = {"CtcLoss": "CTC", "NllLoss": "likelihood", "NllLoss2D": "likelihood"}

OFF = 0.1
"""What the logarithm of a sum of probabilities may be, rounded, in place of 0."""

NEAR = 1e-3
"""What a sum of probabilities may miss 1 by."""

NEAREST = 64
"""Operations nearest to the loss, among which a divergence is."""

FAR = 8


def unsquashed(made: LossOperations) -> Iterator[tuple[str, str]]:
    """What goes into a loss that expects logarithms of probabilities, or probabilities, as it is.

    Into NLLLoss, CTCLoss and KLDivLoss, numbers that come right out of a layer, or a log-softmax
    whose sum is 1 along another axis than that of the classes; into KLDivLoss, probabilities; into
    BCELoss, numbers out of a layer that are cut off at 0 and 1.

    Args:
        made: the operations of the loss, while the graph is whole.

    Returns:
        of each place, where the numbers come from, and the loss.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, unsquashed
        >>> z, y = torch.nn.Linear(4, 3)(torch.randn(5, 4)), torch.tensor([0, 1, 2, 0, 1])
        >>> for x in (z, z.log_softmax(0), z.log_softmax(1)):
        ...     list(unsquashed(LossOperations([torch.nn.functional.nll_loss(x, y)])))
        [('layer', 'likelihood')]
        [('log-softmax along another axis', 'likelihood')]
        []
    """
    for name, node in made.those(LOSSES.keys()):
        kind = _kind(_before(node.next_functions[0][0]))
        if kind is not None and _is_off(name, node):
            yield kind, LOSSES[name]
    for _, node in made.those({"BinaryCrossEntropy"}):
        below = LossOperations.source(node.next_functions[0][0])
        if below is None or not _cuts_to_one(below):
            continue
        if _kind(_before(below.next_functions[0][0])) == "layer":
            yield "layer", "binary cross-entropy"
    for name, node in made.named(NEAREST):
        if name == "Sub":
            kind = _divergence(node)
            if kind is not None:
                yield kind, "Kullback-Leibler"


def _before(node: Node | None) -> Node | None:
    """Where numbers come from that are reshaped, or some of them taken."""
    for _ in range(FAR):
        node = LossOperations.source(node)
        if node is None or operation(node) not in PICKS:
            break
        node = node.next_functions[0][0]
    return node


def _kind(node: Node | None) -> str | None:
    name = "" if node is None else operation(node)
    if node is not None and name == "Add":  # a layer of three axes: a product, and its bias
        sides = [LossOperations.source(below) for below, _ in node.next_functions]
        names = ["" if side is None else operation(side) for side in sides]
        return "layer" if "AccumulateGrad" in names and LAYERS.intersection(names) else None
    if name == "LogSoftmax":
        return "log-softmax along another axis"
    return "layer" if name in RAW else None


@torch.no_grad()
def _is_off(name: str, node: Node) -> bool:
    """Whether the sums of probabilities are not 1."""
    try:
        given: Tensor = saved(node, "log_probs" if name == "CtcLoss" else "self").detach()
    except RuntimeError:  # it was overwritten
        return False
    axis = given.dim() - 1 if name == "CtcLoss" else min(1, given.dim() - 1)
    off = given.float().logsumexp(axis).abs()
    return bool((off > OFF).any())


def _cuts_to_one(node: Node) -> bool:
    """Whether numbers are cut off at, or near, 0 and 1."""
    if operation(node) != "Clamp":
        return False
    least, most = saved(node, "min"), saved(node, "max")
    if isinstance(least, Tensor) or isinstance(most, Tensor) or None in (least, most):
        return False
    return 0 <= least < 0.5 < most <= 1  # type: ignore[no-any-return]


def _divergence(node: Node) -> str | None:
    """Of ``t log(t) - t * x``, what ``x`` is, if it should be the logarithm of a probability."""
    if len(node.next_functions) != 2 or node.next_functions[0][0] is not None:
        return None
    product = node.next_functions[1][0]
    if product is None or operation(product) != "Mul" or len(product.next_functions) != 2:
        return None
    if shape_of(product, 0) != shape_of(node, 0) or saved(node, "alpha") != 1:
        return None
    carried = [side for side, (below, _) in enumerate(product.next_functions) if below is not None]
    if len(carried) != 1:
        return None
    wanted = unpacked(product, "other" if carried == [0] else "self")
    if wanted is None or wanted.dim() < 1 or tuple(wanted.shape) != shape_of(node, 0):
        return None
    below = _before(product.next_functions[carried[0]][0])
    kind = "softmax" if below is not None and operation(below) == "Softmax" else _kind(below)
    return kind if kind in ("layer", "softmax") and _is_distribution(wanted) else None


@torch.no_grad()
def _is_distribution(wanted: Tensor) -> bool:
    """Whether it holds probabilities that add up to 1 along an axis."""
    if not wanted.is_floating_point() or not bool((wanted >= 0).all()):
        return False
    sums = (wanted.float().sum(axis) for axis in {wanted.dim() - 1, min(1, wanted.dim() - 1)})
    return any(bool(((one - 1).abs() <= NEAR).all()) for one in sums)
