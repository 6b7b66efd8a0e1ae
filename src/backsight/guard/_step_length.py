"""How far a step moves the weights, measured in some of the steps."""

from torch.optim import Optimizer

from backsight.guard._gradients import moved
from backsight.probes import ParameterUpdates

__all__ = ["StepLength"]

EVERY = 10
"""Steps between measurements."""


class StepLength:
    """Measures a step of an optimizer, from before it to after it."""

    def __init__(self) -> None:
        self._updates: ParameterUpdates | None = None

    def begin(self, optimizer: Optimizer, iteration: int) -> None:
        """The optimizer is about to step: keep its matrices that will move, if it is time."""
        if iteration % EVERY:
            return
        matrices = [p for p in moved([optimizer]) if p.dim() > 1 and p.grad is not None]
        if matrices:
            self._updates = ParameterUpdates({str(n): p for n, p in enumerate(matrices)})

    def end(self) -> tuple[float, float] | None:
        """It has stepped: how far, as shares of ‖θ‖; None where this step was not measured.

        Half of the matrices moved by at least the first number. The second is of all together, each
        weighed by its norm after the step.
        """
        if self._updates is None:
            return None
        sizes, ratios = self._updates.measure()
        self._updates = None
        together = (ratios * sizes).square().nansum().sqrt() / sizes.square().nansum().sqrt()
        return float(ratios.nanmedian()), float(together)
