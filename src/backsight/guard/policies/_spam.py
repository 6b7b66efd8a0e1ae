"""``spam``: gradient elements far above their second moment, and moments that begin anew."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, NAdam, Optimizer, RAdam, RMSprop

from backsight.errors import SettingError
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["SPAM"]

LEAST = 0.01
"""Of the learning rate, in the first step after a reset."""


MEMORY = "steps that the optimizer's moments remember"
"""What a reset changes."""


@dataclass
class SPAM(Policy):
    """Clip elements with g²/v > ``theta`` to ±√(theta·v); forget the moments every ``every`` steps.

    ``v`` is Adam's second moment, as it is before the step and without correction. From the
    first ``wait`` steps after a reset on it says enough to clip. After a reset the learning rate
    rises from 1 % to its value within ``warmup`` steps, along a cosine.

    Other than in the authors' program, the optimizer's step count begins anew as well, so that it
    corrects the new moments for their start; and an element whose ``v`` is 0 is left alone: it
    has had no gradient so far, and would never get one.

    Source: Huang, Zhu, Jin, Liu, Wang, Liu 2025.

    Example:
        >>> import torch
        >>> from backsight.guard import SPAM, Guard
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.75))
        >>> guard = Guard(model, optimizer, SPAM(theta=16.0, wait=1))
        >>> for size in [1.0, 100.0]:
        ...     optimizer.zero_grad()
        ...     model(torch.tensor([[size]])).sum().backward()
        ...     acts = guard.step()
        >>> model.weight.grad.item(), acts[0].before  # v was 1/4, and √(16/4) is left
        (2.0, 40000.0)
    """

    name: ClassVar[str] = "spam"
    stage: ClassVar[Stage] = Stage.CLIP
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "largest g²/v of a gradient element"
    main: ClassVar[str] = "theta"

    theta: float = 5000.0
    every: int = 500
    warmup: int = 150
    wait: int = 20
    _since: int = field(default=0, init=False, repr=False)
    """Steps since the moments began."""
    _again: bool = field(default=False, init=False, repr=False)
    """Whether there was a reset."""

    def __post_init__(self) -> None:
        self._above(0, "theta")
        self._count(1, "every")
        self._count(0, "warmup", "wait")

    def start(self, guard: GuardContext) -> None:
        """Every optimizer must keep second moments."""
        for optimizer in guard.optimizers:
            if not (_known_to_keep(optimizer) or _may_keep(optimizer)):
                raise _nothing_kept(optimizer)

    @torch.no_grad()
    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Clip, or begin anew."""
        if step.vetoed or step.inside or not math.isfinite(step.norm):
            return
        if self._since >= self.every:
            guard.forget_momentum(second=True)
            self._since, self._again = 0, True
            cause = f"the moments of the gradient begin anew every {self.every} steps"
            guard.record(self, cause, float(self.every), 0.0, quantity=MEMORY)
        elif self._since >= max(1, self.wait):
            self._clip(step, guard)
        guard.learning_rate.warmup = self._pace()
        self._since += 1

    def _pace(self) -> float:
        """The factor on the learning rate."""
        if not self._again or self._since >= self.warmup:
            return 1.0
        fall = (1 + math.cos(math.pi * self._since / (self.warmup + 1))) / 2
        return 1 - (1 - LEAST) * fall

    def _clip(self, step: Step, guard: GuardContext) -> None:
        worst = [_clipped(g, second, self.theta, step.scale) for g, second in _pairs(guard)]
        if not worst:
            return
        most = float(torch.stack([one.to(worst[0].device) for one in worst]).max())
        if most > self.theta:
            guard.record(self, f"g²/v above {self.theta:g}", most, self.theta)


def _clipped(gradient: Tensor, second: Tensor, theta: float, scale: float) -> Tensor:
    """Clip in place, and nothing else; the largest g²/v before, as a scalar."""
    wide = torch.promote_types(gradient.dtype, torch.float32)
    true, second = gradient.to(wide) / scale, second.to(wide)
    ratio = torch.where(second > 0, true.square() / second, torch.zeros_like(second))
    limit = true.sign() * second.sqrt() * (math.sqrt(theta) * scale)
    gradient.copy_(torch.where(ratio > theta, limit.to(gradient.dtype), gradient))
    return ratio.max()


def _pairs(guard: GuardContext) -> Iterator[tuple[Tensor, Tensor]]:
    """Each gradient with its second moment."""
    for optimizer in guard.optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state, gradient = optimizer.state.get(parameter), parameter.grad
                if gradient is None or not gradient.numel() or not state:
                    continue
                second = _second_moment(state)
                if second is None:
                    raise _nothing_kept(optimizer)
                if not (gradient.is_sparse or gradient.is_complex()):
                    yield gradient, second


def _second_moment(state: Mapping[str, Any]) -> Tensor | None:
    """Adam's or RMSprop's; None where there is none."""
    for name in ("exp_avg_sq", "square_avg"):
        if isinstance(found := state.get(name), Tensor):
            return found
    return None


def _known_to_keep(optimizer: Optimizer) -> bool:
    return isinstance(optimizer, (Adam, AdamW, NAdam, RAdam, RMSprop))


def _may_keep(optimizer: Optimizer) -> bool:
    """Whether it is another library's and looks like Adam: its first step shows what it keeps."""
    torchs = type(optimizer).__module__.partition(".")[0] == "torch"
    return not torchs and all("betas" in group for group in optimizer.param_groups)


def _nothing_kept(optimizer: Optimizer) -> SettingError:
    return SettingError(
        "guard policy spam compares gradients with the optimizer's second moments, and "
        f"{type(optimizer).__name__} keeps none: use Adam, or the guard policy adagc"
    )
