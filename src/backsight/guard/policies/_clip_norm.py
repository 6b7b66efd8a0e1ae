"""``clip``: the gradient's global norm, at a number of the user's."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.guard._policy import GuardContext
from backsight.guard._step import Step
from backsight.guard.policies._clip import NormClip

__all__ = ["ClipNorm"]


@dataclass
class ClipNorm(NormClip):
    """Clip the global norm to ``norm``.

    Source: Pascanu, Mikolov, Bengio 2013, §3.2; 0.5 to 10 times the average norm works.

    Example:
        >>> import torch
        >>> from backsight.guard import ClipNorm, Guard
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), ClipNorm(norm=1.0))
        >>> model(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> (act,) = guard.step()
        >>> act.before, act.after, model.weight.grad
        (5.0, 1.0, tensor([[0.6000, 0.8000]]))
    """

    name: ClassVar[str] = "clip"
    main: ClassVar[str] = "norm"

    norm: float = 1.0

    def __post_init__(self) -> None:
        self._above(0, "norm")

    def limit(self, step: Step, guard: GuardContext) -> tuple[float, str]:
        """Always the same."""
        return self.norm, f"norm above {self.norm:g}"
