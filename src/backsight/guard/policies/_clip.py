"""What clips of the gradient's norm have in common: a limit, and what is done beyond it."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["NormClip"]


@dataclass
class NormClip(Policy, ABC):
    """If ‖g‖ > c then g ← c·g/‖g‖, over all parameters together (Pascanu et al. 2013)."""

    stage: ClassVar[Stage] = Stage.CLIP
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "gradient norm"

    @abstractmethod
    def limit(self, step: Step, guard: GuardContext) -> tuple[float, str]:
        """``c`` for this step, whose norm is finite, and the cause in words; inf for no limit."""

    def goal(self, limit: float) -> float:
        """The norm that is left of one above ``limit``."""
        return limit

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Clip. A norm that is not finite is not clipped (0·∞ is NaN), and not learned from."""
        if step.vetoed or not math.isfinite(step.norm):
            return
        limit, cause = self.limit(step, guard)
        if step.norm > limit:
            goal = self.goal(limit)
            guard.scale_gradients(goal / step.norm)
            guard.record(self, cause, step.norm, goal)
