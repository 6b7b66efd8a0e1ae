"""One optimizer step as a guard sees it, and what the policies have decided about it."""

import math
from dataclasses import dataclass, field

from backsight.diagnosis import Anomaly, AnomalyKind
from backsight.guard._intervention import Intervention

__all__ = ["Step"]


@dataclass(slots=True)
class Step:
    """Gradients are in, the optimizer is about to step.

    Example:
        >>> from backsight.guard import Step
        >>> Step(iteration=3, loss=0.7, norm=1.2).finite
        True
        >>> Step(iteration=4, loss=0.7, norm=float("inf")).finite
        False
    """

    iteration: int
    loss: float | None
    """None where nobody told it."""
    norm: float
    """‖∂L/∂θ‖ over everything that has a gradient, unscaled, penalties included; before any
    other act."""
    scale: float = 1.0
    """What a loss scaler has left in the gradients, for a fused optimizer to divide by."""
    inside: bool = False
    """Whether the optimizer evaluates a closure many times inside its step (LBFGS): the gradients
    are not known (``norm`` is 0), and nothing that is done to them lasts."""
    anomalies: tuple[Anomaly, ...] = ()
    vetoed: str = ""
    """Why the update is not taken; empty where it is."""
    rolled_back: bool = False
    interventions: list[Intervention] = field(default_factory=list)

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are."""
        return math.isfinite(self.norm) and (self.loss is None or math.isfinite(self.loss))

    def has(self, *kinds: AnomalyKind) -> Anomaly | None:
        """The first anomaly of these kinds."""
        return next((a for a in self.anomalies if a.kind in kinds), None)
