"""Losses of PyTorch's that compare predictions with padding."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._loss_operations import LossOperations
from backsight.probes._loss_targets import LossTarget
from backsight.probes._operations import POINTWISE_KERNELS, saved, signed

__all__ = ["class_counts", "compares_padding", "counts_all", "error_compares_padding", "losses_of"]

CLASSES = ("NllLoss", "NllLoss2D")

NEAR = 1e-6
"""Of the largest number: rounding errors of single precision."""

OFTEN = 0.5
"""Share of the other targets: what is as frequent there is no value of the padding's own."""


def losses_of(made: LossOperations) -> Iterator[tuple[str, Node]]:
    """The losses of PyTorch's in a graph that keep their target, each with its operation.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, losses_of
        >>> loss = torch.nn.MSELoss()(torch.ones(3, requires_grad=True), torch.zeros(3))
        >>> [name for name, node in losses_of(LossOperations([loss]))]
        ['MseLoss']
    """
    for name, node in made.those(POINTWISE_KERNELS.union(CLASSES)):
        if name in CLASSES or hasattr(node, "_saved_target"):
            yield name, node


@torch.no_grad()
def compares_padding(name: str, node: Node, padding: Tensor) -> bool:
    """Whether a loss takes the padding for targets: one value at all padded steps, which counts.

    Args:
        name, node: as of :func:`losses_of`.
        padding: ``(B, T)``, whether a step of the input is padding; at least one is.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, compares_padding, losses_of
        >>> logits = torch.randn(6, 4, requires_grad=True)
        >>> padding = torch.tensor([[False, False, True], [False, True, True]])
        >>> target = torch.tensor([1, 2, 0, 3, 0, 0])
        >>> def compared(**settings):
        ...     loss = torch.nn.functional.cross_entropy(logits, target, **settings)
        ...     ((name, node),) = losses_of(LossOperations([loss]))
        ...     return compares_padding(name, node, padding)
        >>> compared(), compared(ignore_index=0)
        (True, False)
    """
    classes = name in CLASSES
    symbol = _filler(saved(node, "target"), padding, classes=classes)
    return symbol is not None and (not classes or class_counts(node, int(symbol)))


@torch.no_grad()
def error_compares_padding(error: LossTarget, padding: Tensor) -> bool:
    """The same of an error that is written by hand; its target is known to rounding errors.

    Args:
        error: of :func:`error_by_hand`.
        padding: as of :func:`compares_padding`.

    Example:
        >>> import torch
        >>> from backsight.probes import error_by_hand, error_compares_padding
        >>> padding = torch.tensor([[False, False, True], [False, True, True]])
        >>> target = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
        >>> y = torch.nn.Linear(4, 1)(torch.randn(2, 3, 4)).squeeze(2)
        >>> error_compares_padding(error_by_hand((y - target).abs().grad_fn), padding)
        True
    """
    near = NEAR * float(error.prediction.abs().max() + error.target.abs().max())
    return _filler(error.target, padding, near=near) is not None


def _filler(
    target: Tensor, padding: Tensor, *, classes: bool = False, near: float = 0.0
) -> Tensor | None:
    """The one value of the targets of padding, which most others do not have."""
    batch, steps = padding.shape
    count = batch * steps
    features = target.numel() // count
    if target.numel() != features * count or target.shape[:1] not in ((batch,), (steps,), (count,)):
        return None
    if features != 1 and (classes or not features):
        return None
    flat = target.reshape(-1, features)
    for rows in (flat.view(batch, steps, -1), flat.view(steps, batch, -1).transpose(0, 1)):
        there = rows[padding]
        symbol = there[0]
        if not bool(_same(there, symbol, near).all()):
            continue
        others = _same(rows[~padding], symbol, near)
        if others.numel() and float(others.float().mean()) >= OFTEN:
            continue
        return symbol
    return None


def _same(rows: Tensor, symbol: Tensor, near: float) -> Tensor:
    return ((rows - symbol).abs() <= near if near else rows == symbol).all(-1)


def counts_all(name: str, node: Node) -> bool:
    """Whether a loss is the mean or sum of all its rows, none of which can be masked afterwards.

    Args:
        name, node: as of :func:`losses_of`.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, counts_all, losses_of
        >>> logits = torch.randn(6, 4, requires_grad=True)
        >>> def counted(reduction):
        ...     loss = torch.nn.functional.cross_entropy(
        ...         logits, torch.zeros(6, dtype=torch.long), reduction=reduction
        ...     )
        ...     return [counts_all(*one) for one in losses_of(LossOperations([loss.sum()]))]
        >>> counted("mean"), counted("none")
        ([True], [False])
    """
    return name in CLASSES and saved(node, "reduction") != 0


def class_counts(node: Node, symbol: int) -> bool:
    """Whether a class adds to a cross-entropy.

    Args:
        node: as of :func:`losses_of`, of classes.
        symbol: the class.

    Example:
        >>> import torch
        >>> from backsight.probes import class_counts
        >>> logits, target = torch.randn(2, 4, requires_grad=True), torch.tensor([1, 0])
        >>> loss = torch.nn.functional.cross_entropy(logits, target, ignore_index=0)
        >>> class_counts(loss.grad_fn, 0), class_counts(loss.grad_fn, 1)
        (False, True)
    """
    if symbol == signed(saved(node, "ignore_index")):
        return False
    weight = saved(node, "weight")
    return weight is None or bool(weight[symbol] != 0)
