"""``value``: every element of the gradient by itself."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["ClipValue"]


@dataclass
class ClipValue(Policy):
    """Bring every element into [-value, value]; the gradient's direction may change.

    Source: Mikolov 2012 (thesis); ``torch.nn.utils.clip_grad_value_``.

    Example:
        >>> import torch
        >>> from backsight.guard import ClipValue, Guard
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), ClipValue(value=1.0))
        >>> model(torch.tensor([[0.5, -4.0]])).sum().backward()
        >>> (act,) = guard.step()
        >>> model.weight.grad
        tensor([[ 0.5000, -1.0000]])
    """

    name: ClassVar[str] = "value"
    stage: ClassVar[Stage] = Stage.CLIP
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "largest gradient element"
    main: ClassVar[str] = "value"

    value: float = 1.0

    def __post_init__(self) -> None:
        self._above(0, "value")

    @torch.no_grad()
    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Clamp in place, where any is beyond it."""
        if step.vetoed or not math.isfinite(step.norm) or step.norm <= self.value:
            return  # no element is larger than the norm
        there = []
        for parameter in guard.parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
                there.append(parameter.grad.values())
            elif parameter.grad is not None:
                there.append(parameter.grad)
        limit = self.value * step.scale
        extremes = [torch.linalg.vector_norm(g, math.inf) for g in there if g.numel()]
        largest = max(float(x) for x in extremes)
        if largest > limit:
            for gradient in there:
                gradient.clamp_(-limit, limit)
            guard.record(self, f"magnitude above {self.value:g}", largest / step.scale, self.value)
