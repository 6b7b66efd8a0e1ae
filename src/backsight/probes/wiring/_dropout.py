"""Dropout: which modules have any, and how much of it an operation in a graph has applied."""

import math
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.modules.dropout import _DropoutNd

from backsight.layers import adapter_of
from backsight.probes._operations import operation, shape_of

__all__ = ["dropout_of", "rate_between", "rate_of_dropout", "rows_silenced"]

CERTAIN = 5.0
"""Standard deviations that the share of zeros may be away from the rate."""

SAME = 1e-4
"""Between factors that are one, rounded."""

HALF = 0.5
"""As much as is usual, and what may silence even a single unit."""

LEAST, ENOUGH = 64, 16_384
"""Elements of a mask that tell a rate; and of an input, of which no more are looked at."""


def dropout_of(module: nn.Module) -> float:
    """The rate that a module of PyTorch's drops at while it trains; 0 of any other.

    Example:
        >>> import torch
        >>> from backsight.probes import dropout_of
        >>> one_layer, two_layers = (torch.nn.GRU(3, 4, n, dropout=0.2) for n in (2, 3))
        >>> dropout_of(torch.nn.Dropout(0.5)), dropout_of(two_layers), dropout_of(torch.nn.ReLU())
        (0.5, 0.2, 0.0)
    """
    kind = type(module)
    if issubclass(kind, _DropoutNd):
        return float(vars(module)["p"])
    adapter = adapter_of(module)
    if adapter is not None and adapter.reading == "fused":
        held = vars(module)
        return float(held["dropout"]) if held["num_layers"] > 1 else 0.0
    return float(vars(module)["dropout"]) if issubclass(kind, nn.MultiheadAttention) else 0.0


def rate_of_dropout(node: Node) -> float:
    """The rate of the dropout that an operation of a whole graph is; 0 where it is none.

    On a CPU, dropout is a product with zeros and ``1 / (1 - p)``, in the shares that ``p`` says;
    by hand they may be exchanged.

    Example:
        >>> import torch
        >>> from torch.nn.functional import dropout
        >>> from backsight.probes import rate_of_dropout
        >>> seed, x = torch.manual_seed(0), torch.ones(1000, requires_grad=True)
        >>> rate_of_dropout(dropout(x, 0.75).grad_fn), rate_of_dropout((2 * x).grad_fn)
        (0.75, 0.0)
    """
    name = operation(node)
    if name == "NativeDropout":
        return float(node._saved_p)  # type: ignore[attr-defined]
    if name == "Div":
        return _rate_divided(node)
    if name != "Mul":
        return 0.0
    return max(map(_rate_of_mask, filter(_may_be_mask, _factors(node))), default=0.0)


def rows_silenced(node: Node, rate: float) -> float:
    """The share of the rows that a dropout is given of which it lets nothing through, on average.

    Args:
        node: whose rate is known.
        rate: that rate.

    Returns:
        0 unless it is given one row of units for each sequence, ``(B, H)``, or if it is below ½.

    Example:
        >>> import torch
        >>> from torch.nn.functional import dropout
        >>> from backsight.probes import rows_silenced
        >>> for shape in ((50, 2), (50, 100), (50, 9, 2)):
        ...     rows_silenced(dropout(torch.ones(shape, requires_grad=True), 0.5).grad_fn, 0.5)
        0.25
        7.888609052210118e-31
        0.0
    """
    shape = shape_of(node, 0)
    return rate ** shape[1] if rate >= HALF and len(shape) == 2 else 0.0


@torch.no_grad()
def _rate_divided(node: Node) -> float:
    """Of a product with zeros and ones that is divided by the share of ones."""
    by, below = getattr(node, "_saved_other", None), node.next_functions[0][0]
    if below is None or operation(below) != "Mul":
        return 0.0
    if not isinstance(by, int | float) and not (isinstance(by, Tensor) and by.numel() == 1):
        return 0.0
    masks = [factor for factor in _factors(below) if _may_be_mask(factor, logical=True)]
    return max((_rate_of_mask(mask / float(by)) for mask in masks), default=0.0)


def _factors(node: Node) -> tuple[object, object]:
    """Of a product with a number, none is saved under one of these names."""
    return getattr(node, "_saved_other", None), getattr(node, "_saved_self", None)


def _may_be_mask(factor: object, logical: bool = False) -> TypeGuard[Tensor]:
    if not isinstance(factor, Tensor) or factor.requires_grad or factor.numel() < LEAST:
        return False
    return factor.is_floating_point() or (logical and factor.dtype == torch.bool)


@torch.no_grad()
def rate_between(before: Tensor, after: Tensor) -> float:
    """The rate of the dropout that has made one tensor of the other; 0 where none has.

    Args:
        before, after: numbers of the same shape; otherwise none has.

    Example:
        >>> import torch
        >>> from torch.nn.functional import dropout
        >>> from backsight.probes import rate_between
        >>> seed, x = torch.manual_seed(0), torch.randn(8, 20, 3)
        >>> rate_between(x, dropout(x, 0.75)), rate_between(x, 4 * x)
        (0.75, 0.0)
    """
    if (
        before.shape != after.shape
        or not before.is_floating_point()
        or before.device != after.device
    ):
        return 0.0
    if before.data_ptr() == after.data_ptr():  # nothing was done
        return 0.0
    x, y = before.reshape(-1)[:ENOUGH], after.reshape(-1)[:ENOUGH]
    there = x != 0
    x, y = x[there], y[there]
    if x.numel() < LEAST:
        return 0.0
    mask = y.double() / x.double()
    factor = float(mask.max())
    if not factor > 1 or not bool((mask[mask != 0] / factor - 1).abs().max() < SAME):
        return 0.0
    return _rate_of_mask(torch.where(mask != 0, factor, 0.0))


@torch.no_grad()
def _rate_of_mask(mask: Tensor) -> float:
    factor = float(mask.max())
    if factor <= 1 or not bool(((mask == 0) | (mask == factor)).all()):
        return 0.0
    kept, n = 1 / factor, mask.numel()
    seen = float((mask != 0).double().mean())
    apart = CERTAIN * math.sqrt(kept * (1 - kept) / n)
    if abs(seen - kept) <= apart:
        return round(1 - kept, 6)  # of a float32 mask
    # By hand, what is to be dropped may be what is kept: as few ones, as large.
    return round(kept, 6) if kept > HALF and abs(seen - (1 - kept)) <= apart else 0.0
