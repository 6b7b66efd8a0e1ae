"""Who is told of the events of one training."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor
from torch.optim import Optimizer

from backsight.monitor._iteration import BackwardPass, OptimizerStep

__all__ = ["Observer"]


class Observer(Protocol):
    """Who is told of the events of one training."""

    @property
    def measuring(self) -> bool:
        """Whether a measurement is at work: the events of the meantime are its own doing."""

    def graph_whole(self, passed: BackwardPass) -> None:
        """Backward is about to be called."""

    def backward_ended(self, passed: BackwardPass) -> None:
        """It has ended, and brought gradients to parameters that are observed."""

    def step_begins(self, step: OptimizerStep) -> None:
        """An optimizer is about to step."""

    def step_ended(self, step: OptimizerStep) -> None:
        """It has stepped."""

    def step_declined(self, optimizer: Optimizer) -> None:
        """A gradient scaler has kept it from stepping."""

    def clips(self, parameters: Sequence[Tensor], limit: float, norm: Tensor) -> None:
        """The script clips the norm of some gradients, which is ``norm``."""

    def clips_values(self, gradients: Sequence[Tensor], limit: float) -> None:
        """The script clips the values of those gradients."""

    def divides_late(self) -> None:
        """A gradient scaler's step divides the scale out, and then the optimizer steps."""

    def iteration_ended(self, *, at: float | None = None) -> None:
        """The next iteration has shown itself."""

    def gradients_discarded(self) -> None:
        """The backward passes since the last one belong to another model's training."""

    def events_failed(self, error: Exception) -> None:
        """Nothing is seen from now on."""
