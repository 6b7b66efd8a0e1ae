"""``agc``: adaptive gradient clipping, each unit's gradient against its weights."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["AGC"]


@dataclass
class AGC(Policy):
    """Clip the gradient of each unit (row) to ``ratio`` times the norm of its weights.

    Weights below ``least`` count as that, so that a unit that starts at zero can leave it. A
    vector (a bias) is clipped as a whole.

    Source: Brock, De, Smith, Simonyan 2021, §4.1.

    Example:
        >>> import torch
        >>> from backsight.guard import AGC, Guard
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> _ = torch.nn.init.ones_(model.weight)  # one unit, of norm √2
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), AGC(ratio=0.5))
        >>> model(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> (act,) = guard.step()
        >>> round(model.weight.grad.norm().item(), 3)
        0.707
    """

    name: ClassVar[str] = "agc"
    stage: ClassVar[Stage] = Stage.CLIP
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "largest ratio of a unit's gradient norm to its weight norm"
    main: ClassVar[str] = "ratio"

    ratio: float = 0.1
    least: float = 1e-3

    def __post_init__(self) -> None:
        self._above(0, "ratio", "least")

    @torch.no_grad()
    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Scale the units beyond it."""
        if step.vetoed or step.inside or not math.isfinite(step.norm):
            return
        worst = torch.zeros(())
        for parameter in guard.parameters:
            gradient = parameter.grad
            if gradient is None or gradient.is_sparse:
                continue
            sizes = _unit_norms(parameter).clamp_(min=self.least)
            relative = _unit_norms(gradient) / (sizes * step.scale)
            worst = torch.maximum(worst, relative.max().cpu())
            gradient.mul_((self.ratio / relative.clamp(min=self.ratio)).to(gradient.dtype))
        if worst > self.ratio:
            guard.record(self, f"ratio above {self.ratio:g}", float(worst), self.ratio)


def _unit_norms(tensor: Tensor) -> Tensor:
    """``(n, 1, …)``: the norm of each row; of a vector or a number, of the whole."""
    dims = list(range(1 if tensor.dim() > 1 else 0, tensor.dim()))
    norms: Tensor = torch.linalg.vector_norm(tensor.float(), dim=dims or None, keepdim=True)
    return norms
