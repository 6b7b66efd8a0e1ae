"""``momentum``: none until training is stable, and none for a while after trouble."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from backsight.errors import SettingError
from backsight.guard._policy import Policy, Turn

if TYPE_CHECKING:
    from backsight.guard._guard import Guard
    from backsight.guard._step import Step

__all__ = ["LateMomentum"]


@dataclass
class LateMomentum(Policy):
    """Switch momentum (Adam's β₁) off for the first steps, and for a ``pause`` after trouble.

    Trouble is a spike, a loss that is lost or not finite; buffers of past gradients are emptied
    then, and at a rollback, since they point where it went wrong. ``steps=0`` leaves the
    beginning alone.

    Source: Sutskever, Martens, Dahl, Hinton 2013 (momentum is raised slowly); the rest Backsight.
    """

    name: ClassVar[str] = "momentum"
    turn: ClassVar[Turn] = Turn.PACE
    what: ClassVar[str] = "share of the momentum in force"
    main: ClassVar[str] = "steps"

    steps: int = 50
    pause: int = 20
    _until: int = field(default=-1, init=False, repr=False)

    def __post_init__(self) -> None:
        self._count(0, "steps", "pause")

    def start(self, guard: "Guard") -> None:
        """There must be some."""
        groups = [group for optimizer in guard.optimizers for group in optimizer.param_groups]
        if not any(group.get("momentum") or group.get("betas", (0,))[0] for group in groups):
            raise SettingError(
                "the guard's momentum has nothing to switch off: the optimizer has none"
            )

    def before(self, step: "Step", guard: "Guard") -> None:
        """Decide for this step."""
        first = self._until < 0
        if first:
            self._until = self.steps
            if self.steps:
                self._switch(guard, True, "the first steps")
        if step.troubles and not first:
            self._off(step, guard, step.troubles[0].words)
        elif guard.rate.momentum_off and step.iteration >= self._until:
            self._switch(guard, False, "all is calm")

    def rolled_back(self, guard: "Guard") -> None:
        """Buffers that led there are emptied."""
        guard.forget_momentum()
        self._until = guard.iteration + self.pause
        if self.pause and not guard.rate.momentum_off:
            self._switch(guard, True, "rolled back")

    def _off(self, step: "Step", guard: "Guard", cause: str) -> None:
        self._until = max(self._until, step.iteration + self.pause)
        if self.pause and not guard.rate.momentum_off:
            guard.forget_momentum()
            self._switch(guard, True, cause)

    def _switch(self, guard: "Guard", off: bool, cause: str) -> None:
        guard.rate.momentum_off = off
        guard.act(self, cause, float(off), float(not off))
