"""``backoff``: a lower rate when training is unstable, and its slow way back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["BackOff"]


TOO_LOW = 0.05
"""Of the rate: if it still overshoots, the rate is not the reason."""


@dataclass
class BackOff(Policy):
    """Multiply the rate by ``factor`` at a spike, or where the loss is lost or steps teach nothing.

    After ``calm`` steps without an anomaly it comes back, doubling every ``calm`` steps: all the
    way after a single spike, else up to 0.7 of the rate at which there was one; that bound itself
    doubles every ten times ``calm``. While the loss rises, the rate goes the other way, as far as
    it had been lowered at the most.
    Where the very first steps make the gradient grow, and no clip holds it, training begins again
    with ``again`` of the rate, which comes back twice as fast.
    The factor is on the rate in a step alone: a schedule goes on as if there were none.

    Source: levanter#391 (a spike, a lower rate, a limit); Goyal et al. 2017 §2.2 (a rate that
    begins low and rises); the rest Backsight.

    Example:
        >>> import torch
        >>> from backsight.guard import BackOff, Guard
        >>> model = torch.nn.Linear(1, 1)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.001), BackOff(factor=0.5))
        >>> for step in range(110):
        ...     loss = 4.0 if step == 100 else 2.0 - step / 100
        ...     model(torch.ones(1, 1)).sum().backward()
        ...     acts = guard.step(loss)
        >>> [(act.iteration, act.before, act.after) for act in guard.interventions]
        [(100, 1.0, 0.5)]
    """

    name: ClassVar[str] = "backoff"
    stage: ClassVar[Stage] = Stage.PACE
    quantity: ClassVar[str] = "learning-rate factor"
    main: ClassVar[str] = "factor"

    factor: float = 0.5
    calm: int = 40
    again: float = 0.3
    _again: bool = field(default=False, init=False, repr=False)
    """Whether the rate is low for the beginning alone."""
    _high: bool = field(default=False, init=False, repr=False)
    """Whether the first steps have shown that it is high."""
    _last: int = field(default=-(10**9), init=False, repr=False)

    def __post_init__(self) -> None:
        self._share("factor", "again")
        self._count(1, "calm")

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Lower it, or let it recover."""
        overshot = step.has("overshot")
        if overshot and guard.learning_rate.factor > TOO_LOW and not _clipped(step, guard):
            guard.roll_back(0, blame=False)
            self._again = self._high = True
            guard.record(self, overshot.message, *guard.learning_rate.lower(self.again, 1.0))
            return
        anomaly = step.has("spike", "diverged", "collapsed", "steps too large", "dead")
        if anomaly is None and guard.stability.broken:
            anomaly = step.has("not finite", "out of line")
        rate = guard.learning_rate
        if anomaly is not None:
            if step.iteration - self._last >= self.calm // 4:  # the last one has yet to show
                # One spike may have been the batch's, where nothing else speaks against the rate.
                again = self._high or step.iteration - self._last < 5 * self.calm
                once = anomaly.kind == "spike" and not again
                self._last, self._again = step.iteration, False
                lowered = rate.lower(self.factor, 1.0) if once else rate.lower(self.factor)
                guard.record(self, anomaly.message, *lowered)
        else:
            calm = max(1, self.calm // 2) if self._again else self.calm
            if rate.factor < 1.0 and guard.stability.calm >= calm:
                if guard.stability.rising:
                    rate.retreat(2 ** (-1 / calm))
                else:
                    rate.recover(2 ** (1 / calm), 2 ** (0.1 / calm))

    def state_dict(self) -> dict[str, Any]:
        """As of any policy; what the first steps have shown only where they have."""
        state = super().state_dict()
        if not self._high:
            del state["_high"]
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Remember that again."""
        super().load_state_dict({"_high": False, **state})


def _clipped(step: Step, guard: GuardContext) -> bool:
    """Whether a clip has held this step; what adds to every gradient has not."""
    clips = {policy.name for policy in guard.policies if policy.stage is Stage.CLIP}
    return any(done.policy in clips for done in step.interventions)
