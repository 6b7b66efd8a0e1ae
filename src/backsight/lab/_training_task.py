"""What the training loop needs to know of a task: batches, a model, a loss, a validation."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from backsight.tasks import NO_LOSS, Kind

__all__ = ["TrainingTask", "last_losses", "loss_of", "precise"]


class TrainingTask(Protocol):
    """What a run learns."""

    kind: Kind
    """Which loss is taken."""
    steps: int
    """Steps ``T`` of a batch."""
    longest: int
    """The longest context that a validation asks for, in steps."""

    def facts(self) -> dict[str, Any]:
        """What the run's ``setup`` tells of it; ``baselines`` by name among them."""

    def model(self) -> nn.Module:
        """A fresh model: ``model(inputs, state) -> (outputs, state)``."""

    enough: float | None
    """A loss that a curriculum must see before it lengthens; None where none is known."""

    def shortest(self, wanted: int) -> int:
        """The shortest length of at least ``wanted`` steps that makes sense, ``steps`` at most."""

    def draw(self, steps: int | None = None) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """The next batch: inputs, targets, and whether the hidden state must start afresh.

        Args:
            steps: its length; ``self.steps`` by default.
        """

    def elsewhere(self) -> None:
        """Nothing was drawn yet: begin where the seed says, for a model that has seen this data."""

    def scores(self, model: nn.Module) -> dict[str, float]:
        """Signals of a validation, ``val_loss`` among them; the model keeps its mode."""

    def context_losses(self, model: nn.Module, length: int) -> NDArray[np.float64]:
        """``(n,)``: losses at the same held-out positions, seeing ``length`` steps each."""

    def sample(self, model: nn.Module) -> dict[str, Any]:
        """What the model makes by itself, as the body of an event; empty where it makes nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Where its data and random numbers stand, for a checkpoint."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where :meth:`state_dict` was taken."""


def loss_of(kind: Kind, outputs: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross entropy in nats, or squared error.

    Args:
        kind: which of the two.
        outputs: ``(…, O)``.
        targets: classes ``(…)``, -1 where no loss is taken; or values ``(…, O)``.
        reduction: ``mean`` or ``sum`` over what has a target.

    Example:
        >>> import torch
        >>> from backsight.lab import loss_of
        >>> loss_of("value", torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
        tensor(2.)
        >>> loss_of("classes", torch.zeros(1, 3, 2), torch.tensor([[0, 1, -1]]))  # two coins: ln 2
        tensor(0.6931)
    """
    if kind == "value":
        return functional.mse_loss(outputs, targets.to(outputs.dtype), reduction=reduction)
    return functional.cross_entropy(
        outputs.flatten(0, -2), targets.flatten(), ignore_index=NO_LOSS, reduction=reduction
    )


def precise(outputs: Tensor) -> Tensor:
    """As float32 at least: a bf16 sum over thousands of positions would round badly.

    Example:
        >>> import torch
        >>> from backsight.lab import precise
        >>> [precise(torch.zeros(2, dtype=kind)).dtype for kind in (torch.bfloat16, torch.float64)]
        [torch.float32, torch.float64]
    """
    return outputs if outputs.dtype.itemsize == 8 else outputs.float()


@torch.no_grad()
def last_losses(
    model: nn.Module, kind: Kind, inputs: NDArray[Any], targets: NDArray[Any]
) -> NDArray[np.float64]:
    """``(B,)``: the loss at the last step of each sequence; the model keeps its mode.

    Args:
        model: ``model(inputs, state) -> (outputs, state)``.
        kind: which loss is taken.
        inputs: ``(B, T)`` or ``(B, T, I)``, read from a fresh state.
        targets: ``(B,)`` classes or ``(B, O)`` values.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    outputs = precise(model(torch.tensor(inputs, device=device))[0])
    model.train(was_training)
    last = outputs[:, -1] if outputs.dim() == 3 else outputs
    asked = torch.tensor(targets, device=device)
    if kind == "value":
        losses = (last - asked.to(last.dtype)).square().mean(-1)
    else:
        losses = functional.cross_entropy(last, asked, reduction="none")
    found: NDArray[np.float64] = losses.double().cpu().numpy()
    return found
