"""Label smoothing: the part of a cross-entropy that asks for all classes alike."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import operation, saved, saved_axes, shape_of
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget

__all__ = ["SmoothPart", "smooth_part"]


class SmoothPart(NamedTuple):
    """A sum of the log-probabilities of all classes."""

    made: Node
    """The log-softmax."""
    weight: Tensor | None
    """Of each class, if they weigh differently."""

    def belongs_to(self, given: LossTarget, weight: Tensor | None) -> bool:
        """Whether it is that of a loss with the same log-probabilities, and the same weights."""
        if LossOperations.source(given.edge[0]) is not self.made:
            return False
        if weight is None or self.weight is None:
            return weight is self.weight
        return torch.equal(self.weight.reshape(-1), weight)


def smooth_part(node: Node) -> SmoothPart | None:
    """The sum of log-probabilities that an operation is; None where it is none.

    Args:
        node: a sum, of a graph that is whole.
    """
    if operation(node) != "Sum":
        return None
    below, number = node.next_functions[0]
    if below is None or number:
        return None
    weight = None
    if operation(below) == "Mul":
        (first, at), (second, _) = below.next_functions
        weight = saved(below, "other")
        if first is None or at or second is not None or not isinstance(weight, Tensor):
            return None
        below = first
    if operation(below) != "LogSoftmax":
        return None
    dims = len(shape_of(below, 0))
    axes = saved_axes(below, dims)
    if not hasattr(node, "_saved_dim") or saved_axes(node, dims) != axes:
        return None
    if weight is not None and weight.numel() != shape_of(below, 0)[axes[0]]:
        return None
    return SmoothPart(below, weight)
