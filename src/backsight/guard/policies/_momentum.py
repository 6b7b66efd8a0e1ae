"""``momentum``: none until training is stable, and none for a while after an anomaly."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.errors import SettingError
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["LateMomentum"]


@dataclass
class LateMomentum(Policy):
    """Switch momentum (Adam's β₁) off for the first steps, and for a ``pause`` after an anomaly.

    An anomaly is a spike, a loss that is lost or not finite; buffers of past gradients are emptied
    then, and at a rollback, since they point where it went wrong. ``steps=0`` leaves the
    beginning alone.

    Source: Sutskever, Martens, Dahl, Hinton 2013 (momentum is raised slowly); the rest Backsight.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, LateMomentum
        >>> model, moves = torch.nn.Linear(1, 1, bias=False), []
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.5)
        >>> guard = Guard(model, optimizer, LateMomentum(steps=3))
        >>> for _ in range(6):
        ...     before = model.weight.item()
        ...     optimizer.zero_grad()
        ...     model(torch.ones(1, 1)).sum().backward()
        ...     acts = guard.step()
        ...     moves.append(round((before - model.weight.item()) / 0.001, 2))
        >>> moves
        [1.0, 1.0, 1.0, 1.0, 1.5, 1.75]
    """

    name: ClassVar[str] = "momentum"
    stage: ClassVar[Stage] = Stage.PACE
    quantity: ClassVar[str] = "momentum factor"
    main: ClassVar[str] = "steps"

    steps: int = 50
    pause: int = 20
    _until: int = field(default=-1, init=False, repr=False)

    def __post_init__(self) -> None:
        self._count(0, "steps", "pause")

    def start(self, guard: GuardContext) -> None:
        """There must be some."""
        groups = [group for optimizer in guard.optimizers for group in optimizer.param_groups]
        if not any(group.get("momentum") or group.get("betas", (0,))[0] for group in groups):
            raise SettingError(
                "guard policy momentum has nothing to switch off: the optimizer has no momentum"
            )

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Decide for this step."""
        first = self._until < 0
        if first:
            self._until = self.steps
            if self.steps:
                self._switch(guard, True, f"the first {self.steps} steps")
        if step.anomalies and not first:
            self._off(step, guard, step.anomalies[0].message)
        elif guard.learning_rate.momentum_off and step.iteration >= self._until:
            self._switch(guard, False, "the pause is over")

    def on_rollback(self, guard: GuardContext) -> None:
        """Buffers that led there are emptied."""
        guard.forget_momentum()
        self._until = guard.iteration + self.pause
        if self.pause and not guard.learning_rate.momentum_off:
            self._switch(guard, True, "after a rollback")

    def _off(self, step: Step, guard: GuardContext, cause: str) -> None:
        self._until = max(self._until, step.iteration + self.pause)
        if self.pause and not guard.learning_rate.momentum_off:
            guard.forget_momentum()
            self._switch(guard, True, cause)

    def _switch(self, guard: GuardContext, off: bool, cause: str) -> None:
        guard.learning_rate.momentum_off = off
        guard.record(self, cause, float(off), float(not off))
