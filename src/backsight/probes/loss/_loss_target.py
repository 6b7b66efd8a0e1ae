"""What one loss was asked to come to."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import Edge, saved, signed

__all__ = ["CLASSES", "LossTarget"]

CLASSES = frozenset({"NllLoss", "NllLoss2D"})
"""Losses of indices of classes."""


@dataclass(frozen=True, slots=True)
class LossTarget:
    """What one loss was asked to come to; to be used while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loss_targets
        >>> guess = torch.zeros(3, requires_grad=True)
        >>> loss = torch.nn.functional.mse_loss(2 * guess, torch.tensor([1.0, 2.0, 3.0]))
        >>> (one,) = loss_targets(LossOperations([loss]))
        >>> one.loss, one.target.tolist(), one.prediction.tolist(), one.reduction
        ('MseLoss', [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 'mean')
    """

    loss: str
    """The operation: ``NllLoss``, ``MseLoss``, …; ``L1Loss``, which is none, of its own name."""
    node: Node
    target: Tensor
    """``(N,)`` or ``(N, d1, …)`` classes; or numbers of the shape of ``prediction``."""
    prediction: Tensor
    """``(N, C)`` or ``(N, C, d1, d2)`` log-probabilities; or numbers."""
    edge: Edge
    """Where the gradient on ``prediction`` arrives, in another shape if it is ``by_hand``."""
    rounded: bool = False
    """Whether ``target`` was computed from a difference, and so is known to rounding errors."""
    by_hand: bool = False
    """Whether ``node`` takes the log-probabilities of classes, which a loss then turns around."""

    @property
    def of_classes(self) -> bool:
        """Whether the targets are indices of classes."""
        return self.loss in CLASSES

    @property
    def reduction(self) -> str:
        """``none``, ``mean`` or ``sum``."""
        return ("none", "mean", "sum")[int(getattr(self.node, "_saved_reduction", 0))]

    @property
    def weighted(self) -> bool:
        """Whether elements or classes weigh differently."""
        names = ("_saved_weight", "_saved_pos_weight")
        return any(getattr(self.node, name, None) is not None for name in names)

    @property
    def counted(self) -> Tensor:
        """``(n,)`` bool: the targets, in order, that are not to be ignored."""
        flat = self.target.reshape(-1)
        if not self.of_classes:
            return torch.ones_like(flat, dtype=torch.bool)
        if self.by_hand:
            return flat >= 0
        return flat != signed(int(saved(self.node, "ignore_index")))
