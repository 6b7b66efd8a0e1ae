"""``auto``: a clip that needs no number from the user."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from backsight.diagnosis import Recent
from backsight.guard._gradients import moved
from backsight.guard._policy import GuardContext
from backsight.guard._step import Step
from backsight.guard.policies._clip import NormClip

__all__ = ["ClipAuto"]

LEAST = 0.02
"""Of the weights: a step that is shorter is never too long."""

MEMORY = 20
"""Steps of the running share."""

LEFT = 2.0
"""Times the usual norm that is left of one above the limit: as wild as that, it is not to be
trusted with more."""

ENOUGH = 5
"""Norms from which on their median says something."""


@dataclass
class ClipAuto(NormClip):
    """Clip what is far above the usual norm, or would move the weights too far, and nothing else.

    Two limits, of which the lower counts:

    * the median of the last ``window`` norms, times ``times`` or ``sigmas`` robust standard
      deviations of their logarithm, whichever is more. The norms of healthy training stay below;
      where the guard had to lower the rate by a factor f, ``times`` is f² as large, so that a
      run which has shown to be fragile is clipped near its median;
    * with plain SGD, from the first step on, the norm that would move all weights together by
      ``share`` of their norm, at the rate (over 1 - momentum) before any lowering. Where that
      is the limit in half of the steps or more, the rate is far too high, and the share shrinks
      by 1 % a step, down to 2 % of the weights.

    What is above its limit is brought to twice the median, or to half of the longest step where
    that is seldom the limit.
    Medians are not moved by a few wild norms, and a norm that is not finite is left out.

    Source: Pascanu et al. 2013 §3.2 (0.5 to 10 times the usual norm); You, Gitman, Ginsburg 2017
    (a step against the weights' norm); the rest Backsight.

    Example:
        >>> import torch
        >>> from backsight.guard import ClipAuto, Guard
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        >>> guard = Guard(model, optimizer, ClipAuto())
        >>> for size in [1.0] * 30 + [50.0]:
        ...     optimizer.zero_grad()
        ...     model(torch.tensor([[size]])).sum().backward()
        ...     acts = guard.step()
        >>> [(act.before, round(act.after, 3)) for act in acts]
        [(50.0, 2.0)]
    """

    name: ClassVar[str] = "auto"
    main: ClassVar[str] = "times"

    times: float = 10.0
    sigmas: float = 6.0
    share: float = 0.2
    window: int = 100
    _logs: Recent = field(init=False, repr=False)
    _tight: float = field(default=1.0, init=False, repr=False)
    """What ``share`` is multiplied by."""
    _left: float = field(default=math.inf, init=False, repr=False)
    _often: float = field(default=0.0, init=False, repr=False)
    """How often it was the limit lately, as a share of the steps."""

    def __post_init__(self) -> None:
        self._above(1, "times")
        self._above(0, "sigmas", "share")
        self._count(ENOUGH, "window")
        self._logs = Recent(self.window)

    def limit(self, step: Step, guard: GuardContext) -> tuple[float, str]:
        """Of the norms before this one."""
        usual, far = math.inf, math.inf
        middle = self._logs.median
        if len(self._logs) >= ENOUGH:
            usual = math.exp(middle + self._tolerance(guard.learning_rate.factor))
        if step.norm > 0:
            self._logs.add(math.log(step.norm))
        share = max(self.share * self._tight, min(self.share, LEAST))
        far = share * self._reach(step.norm, guard)
        self._often += (float(far < min(usual, step.norm)) - self._often) / MEMORY
        if self._often > 0.5:
            self._tight *= 0.99
        elif self._tight < 1:
            self._tight = min(1.0, self._tight * 1.002)
        if usual <= far:
            self._left = LEFT * math.exp(middle)
            return usual, f"norm above {usual:.3g}; its median is {math.exp(middle):.3g}"
        self._left = far / LEFT if self._often < 0.25 else far  # what is usual is no outlier
        return far, f"the step would exceed {share:.2g} of the weight norm"

    def goal(self, limit: float) -> float:
        """Twice the usual norm, or half of the longest step."""
        return min(limit, self._left)

    def _tolerance(self, factor: float) -> float:
        """How far above the median, as a natural logarithm."""
        least = math.log(max(1.0, self.times * factor**2))
        return max(least, self.sigmas * self._logs.spread * factor**2)

    def _reach(self, norm: float, guard: GuardContext) -> float:
        """The norm whose step is as long as the weights; inf where the optimizer scales."""
        limits, off = [], guard.learning_rate.momentum_off
        for optimizer in guard.optimizers:
            if not isinstance(optimizer, torch.optim.SGD):
                return math.inf
            rates = [
                float(group["lr"]) / (1 - (0 if off else min(group["momentum"], 0.99)))
                for group in optimizer.param_groups
            ]
            limits.append(max(rates))
        rate: float = max(limits)
        if rate <= 0 or norm * rate < 1e-3:
            return math.inf
        weights = torch.stack(torch._foreach_norm([p.detach() for p in moved(guard.optimizers)]))
        return float(weights.norm()) / rate
