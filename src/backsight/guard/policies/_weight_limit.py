"""``weights``: no unit whose weights are longer than a bound."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["WeightLimit"]

ROUNDING = 8
"""Times the dtype's own: what is left above the limit by the scaling is not scaled again."""


@dataclass
class WeightLimit(Policy):
    """Scale each unit's incoming weights, after a step, to a norm of at most ``norm``.

    A unit is a row of a matrix (one gate of a unit, in a GRU or LSTM; a token, in an embedding),
    or of a tensor of more dimensions all behind its first. Biases are left alone. It costs a pass
    over the weights.

    Source: Srebro, Shraibman 2005; Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov 2012
    (a limit on each unit instead of a penalty on all); 3 to 4 in Srivastava et al. 2014.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, WeightLimit
        >>> model = torch.nn.Linear(2, 2)
        >>> model.weight.data = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.0), WeightLimit(norm=1.0))
        >>> model(torch.zeros(1, 2)).sum().backward()
        >>> (act,) = guard.step()
        >>> model.weight.data
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """

    name: ClassVar[str] = "weights"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "largest norm of a unit's weights"
    main: ClassVar[str] = "norm"

    norm: float = 4.0

    def __post_init__(self) -> None:
        self._above(0, "norm")

    @torch.no_grad()
    def on_step_end(self, step: Step, guard: GuardContext) -> None:
        """Scale what is beyond it."""
        worst = 0.0
        for parameter in guard.parameters:
            if parameter.dim() < 2 or not parameter.numel():
                continue
            dtype = torch.promote_types(parameter.dtype, torch.float32)
            dims = tuple(range(1, parameter.dim()))
            norms = torch.linalg.vector_norm(parameter, dim=dims, keepdim=True, dtype=dtype)
            largest = float(norms.max())
            if largest > self.norm * (1 + ROUNDING * torch.finfo(parameter.dtype).eps):
                parameter.mul_((self.norm / norms.clamp(min=self.norm)).to(parameter.dtype))
                worst = max(worst, largest)
        if worst:
            guard.record(self, f"norm above {self.norm:g}", worst, self.norm)
