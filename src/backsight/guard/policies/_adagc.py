"""``adagc``: each tensor's gradient against the moving average of its own clipped norms."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step
from backsight.probes import tensor_norms

__all__ = ["AdaGC"]


@dataclass
class AdaGC(Policy):
    """Clip the gradient of each tensor to ``times`` its average, ``γ ← decay·γ + (1 - decay)·‖ĝ‖``.

    ``ĝ`` is what the clip leaves. In the first ``warmup`` steps the global norm is clipped to
    ``norm``, and γ is the smallest norm that a tensor has had after that.

    Other than published, norms of 0 or that are not finite are left out of γ: a tensor that
    has no gradient in one step of the warm-up would never get one again.

    Source: Wang, Li, Chen, Zeng, Yang, Sun, Ma, Yu, Shen 2025, Algorithm 1.

    Example:
        >>> import torch
        >>> from backsight.guard import AdaGC, Guard
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        >>> guard = Guard(model, optimizer, AdaGC(times=2.0, warmup=3))
        >>> for size in [0.5, 0.25, 0.5, 4.0]:
        ...     optimizer.zero_grad()
        ...     model(torch.tensor([[size]])).sum().backward()
        ...     acts = guard.step()
        >>> model.weight.grad.item(), acts[0].before  # γ is 0.25; the norm was 8 times 2γ
        (0.5, 8.0)
    """

    name: ClassVar[str] = "adagc"
    stage: ClassVar[Stage] = Stage.CLIP
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "largest ratio of a gradient norm to its limit"
    main: ClassVar[str] = "times"

    times: float = 1.05
    decay: float = 0.98
    warmup: int = 100
    norm: float = 1.0
    _averages: list[float] = field(default_factory=list, init=False, repr=False)
    """γ of each parameter, in order; infinite until there is one."""
    _seen: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._above(0, "times", "norm")
        self._share("decay")
        self._count(0, "warmup")

    @torch.no_grad()
    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Scale the tensors beyond their limits, and learn from what is left of them."""
        if step.vetoed or step.inside or not math.isfinite(step.norm):
            return
        there = [(n, p.grad) for n, p in enumerate(guard.parameters) if p.grad is not None]
        if not there:
            return
        self._averages += [math.inf] * (there[-1][0] + 1 - len(self._averages))
        gradients = [gradient for _, gradient in there]
        norms = (tensor_norms(gradients).double() / step.scale).tolist()
        before = [self._averages[n] for n, _ in there]
        warm = self._seen < self.warmup
        self._seen += 1
        if warm:
            ratios = [step.norm / self.norm] * len(norms)
            cause = f"norm above {self.norm:g} in the first {self.warmup} steps"
        else:
            ratios = [
                norm / (self.times * average) if norm else 0.0
                for norm, average in zip(norms, before, strict=True)
            ]
            cause = f"a tensor's norm above {self.times:g} times its average"
        for (n, gradient), norm, average, ratio in zip(there, norms, before, ratios, strict=True):
            factor = 1 / max(1.0, ratio)
            if factor < 1:
                gradient.mul_(factor)
            if left := norm * factor:
                self._averages[n] = self._learned(average, left, warm)
        if max(ratios) > 1:
            guard.record(self, cause, max(ratios), 1.0)

    def _learned(self, average: float, left: float, warm: bool) -> float:
        """γ after a norm of which ``left`` is left."""
        if warm or math.isinf(average):
            return min(average, left)
        return self.decay * average + (1 - self.decay) * left
