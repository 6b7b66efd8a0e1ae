"""``zclip``: where the norm is far from its moving average."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.guard._policy import GuardContext
from backsight.guard._step import Step
from backsight.guard.policies._clip import NormClip

__all__ = ["ZClip"]


@dataclass
class ZClip(NormClip):
    """Clip a norm whose z-score is above ``z`` to μ + σ·z²/score; its averages learn what is left.

    Nothing is clipped in the first ``warmup`` steps, whose mean and variance begin the moving
    averages. Other than published, a norm that is not finite is left out of them: one NaN would
    poison them for good.

    Source: Kumar, Owen, Chowdhury, Güra 2025.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, ZClip
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        >>> guard = Guard(model, optimizer, ZClip(z=2.5, warmup=20))
        >>> for size in [1.0, 2.0] * 10 + [50.0]:
        ...     optimizer.zero_grad()
        ...     model(torch.tensor([[size]])).sum().backward()
        ...     acts = guard.step()
        >>> [(act.before, act.after < 5) for act in acts]
        [(50.0, True)]
    """

    name: ClassVar[str] = "zclip"
    main: ClassVar[str] = "z"

    z: float = 2.5
    alpha: float = 0.97
    warmup: int = 25
    _mean: float = field(default=0.0, init=False, repr=False)
    _square: float = field(default=0.0, init=False, repr=False)
    """The variance; in the warm-up, the sum of squared differences from the mean."""
    _seen: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._above(0, "z")
        self._share("alpha")
        self._count(2, "warmup")

    def limit(self, step: Step, guard: GuardContext) -> tuple[float, str]:
        """By the averages before this step, which then learn from it."""
        norm, limit = step.norm, float("inf")
        if self._seen < self.warmup:  # Welford
            self._seen += 1
            gap = norm - self._mean
            self._mean += gap / self._seen
            self._square += gap * (norm - self._mean)
            if self._seen == self.warmup:
                self._square /= self.warmup
            return limit, ""
        sigma = self._square**0.5
        score = (norm - self._mean) / (sigma + 1e-6)
        if score > self.z:
            limit = self._mean + sigma * self.z**2 / score
        left = min(norm, limit)
        self._mean = self.alpha * self._mean + (1 - self.alpha) * left
        self._square = self.alpha * self._square + (1 - self.alpha) * (left - self._mean) ** 2
        return limit, f"z-score {score:.3g} above {self.z:g}"
