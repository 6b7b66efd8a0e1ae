"""What the elements of a loss weigh in it: masks, selections, and counts that it is divided by."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from backsight.probes._autograd import gradients_of
from backsight.probes._operations import SAME_ORDER, saved

__all__ = ["is_selection", "weights_of"]

SELECTIONS = SAME_ORDER | {
    *("Cat", "Expand", "Index", "MaskedFill", "MaskedSelect", "Mean", "Select", "Slice", "Stack"),
    *("Sum", "Unbind", "Where"),
}
"""They leave elements out, repeat them or add them up, and do not look at their values."""

SAME = 1e-4
"""Relative difference of weights that are the same but for rounding."""


def is_selection(name: str, node: Node, side: int) -> bool:
    """Whether an operation only selects elements, or multiplies them by a mask or by counts.

    Args:
        name, node: an operation on the way from a loss to its elements.
        side: which of its inputs leads there.
    """
    if name in SELECTIONS:
        return True
    others = [below for below, _ in node.next_functions]
    if name not in ("Div", "Mul") or len(others) != 2 or others[1 - side] is not None:
        return False
    if name == "Div" and side:
        return False
    by = saved(node, "self" if name == "Mul" and side else "other")
    if not isinstance(by, Tensor):
        return False
    by = by.detach().double()
    if name == "Div":  # what is computed from the losses is no whole number
        return bool(((by >= 1) & (by == by.round())).all())
    return bool(((by == 0) | (by == by.max())).all()) and bool((by >= 0).all())


def weights_of(root: Tensor, nodes: Sequence[Node]) -> list[Tensor | None]:
    """What one more of each element would add to a loss that is linear in them.

    Args:
        root: the loss, one number, while its graph is whole.
        nodes: operations whose first output is the elements.

    Returns:
        of each, ``(n,)`` float64; None where the loss does not depend on it.
    """
    edges = [GradientEdge(node, 0) for node in nodes]
    found = gradients_of([root], edges, [torch.ones_like(root)])
    return [None if one is None else _evened(one.detach().reshape(-1).double()) for one in found]


def _evened(weights: Tensor) -> Tensor:
    """Those that differ by rounding only are made the same."""
    there = weights != 0
    if not bool(there.any()):
        return weights
    mean = weights[there].mean()
    alike = (weights - mean).abs() <= SAME * mean.abs()
    return torch.where(there & alike, mean, weights) if bool(alike[there].all()) else weights
