"""Faults that come from outside the optimisation, each at a given step, and what they do there."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["FAULTS", "Fault", "Touched"]

STALE = 50
"""Steps by which a worker lags behind."""


@dataclass(slots=True)
class Touched:
    """What a fault may touch."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    scale: float = 1.0
    """What a loss scaler has multiplied the gradients by."""
    old: list[Tensor] = field(default_factory=list)
    """Gradients of :data:`STALE` steps before the fault, unscaled."""
    lr: float = 0.0
    """As the script has set it."""

    @property
    def matrix(self) -> nn.Parameter:
        """A hidden layer's: of a recurrent one, from state to state."""
        found = [p for name, p in self.net.named_parameters() if "hidden" in name or "hh" in name]
        return next(p for p in found if p.dim() > 1)

    @property
    def layer(self) -> list[nn.Parameter]:
        """All parameters of the layer that comes last."""
        return list(self.net.get_submodule("head").parameters())


State = Callable[[Touched], None]


@dataclass(frozen=True)
class Fault:
    """One kind; what is None stays as it is."""

    name: str
    steps: Sequence[int] = (0,)
    """In which steps, counted from the first."""
    state: State | None = None
    """Weights, optimizer or rate, before the forward pass."""
    data: Callable[[Tensor], Tensor] | None = None
    loss: Callable[[Tensor], Tensor] | None = None
    """Before the backward pass."""
    gradient: State | None = None
    """After it."""


def _one(tensor: Tensor, value: float) -> None:
    """One element, in the middle."""
    with torch.no_grad():
        tensor.view(-1)[tensor.numel() // 2] = value


def _weight(value: float) -> State:
    return lambda at: _one(at.matrix, value)


def _gradient(value: float) -> State:
    return lambda at: _one(_of(at.matrix), value)


def _of(parameter: nn.Parameter) -> Tensor:
    """Its gradient; where there is none, one that nobody reads."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


@torch.no_grad()
def _layer_lost(at: Touched) -> None:
    for parameter in at.layer:
        parameter.fill_(math.nan)


def _layer_gradient_lost(at: Touched) -> None:
    for parameter in at.layer:
        _of(parameter).fill_(math.nan)


def _reversed(at: Touched) -> None:
    for parameter in at.net.parameters():
        _of(parameter).mul_(-1e4)


def _stale(at: Touched) -> None:
    """Of two workers, whose mean counts, one sends what it computed long ago."""
    for parameter, old in zip(at.net.parameters(), at.old, strict=True):
        _of(parameter).add_(old * at.scale).div_(2)


def _remembered(name: str, value: float) -> State:
    """What Adam remembers of the matrix."""

    def change(at: Touched) -> None:
        state: dict[str, Any] = at.optimizer.state[at.matrix]
        if name in state:
            _one(state[name], value)

    return change


def _rate(value: float) -> State:
    def change(at: Touched) -> None:
        for group in at.optimizer.param_groups:
            group["lr"] = value

    return change


def _rate_as_it_was(at: Touched) -> None:
    for group in at.optimizer.param_groups:
        group["lr"] = at.lr


@torch.no_grad()
def _flip(tensor: Tensor, place: int, bit: int) -> None:
    """One bit of a float32: 31 is the sign, 30 the largest of the exponent."""
    bits = tensor.view(-1).view(torch.int32)
    mask = -(2**31) if bit == 31 else 1 << bit
    bits[place] ^= mask


def _exponent_flipped(at: Touched) -> None:
    """A weight below 2 becomes one of about 1e38."""
    _flip(at.matrix, at.matrix.numel() // 2, 30)


def _exponent_flipped_last(at: Touched) -> None:
    """The same in the layer that the loss reads."""
    _flip(at.layer[0], 0, 30)


def _bits_flipped(at: Touched) -> None:
    """In 64 weights one bit each, any bit."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(64):
        place = int(torch.randint(at.matrix.numel(), (1,), generator=generator))
        _flip(at.matrix, place, int(torch.randint(32, (1,), generator=generator)))


def _one_step_at(value: float) -> State:
    """The rate is ``value`` in the first step, and as before from the second one on."""
    high = _rate(value)

    def change(at: Touched) -> None:
        if at.optimizer.param_groups[0]["lr"] == value:
            _rate_as_it_was(at)
        else:
            high(at)

    return change


FAULTS = (
    Fault("loss: NaN", loss=lambda loss: loss * math.nan),
    Fault("loss: infinite", loss=lambda loss: loss * math.inf),
    Fault("loss × 1e10, once", loss=lambda loss: loss * 1e10),
    Fault("loss × 1e10, five steps", range(5), loss=lambda loss: loss * 1e10),
    Fault("loss × 1e10, every third of 30 steps", range(0, 30, 3), loss=lambda loss: loss * 1e10),
    Fault("gradient: one NaN", gradient=_gradient(math.nan)),
    Fault("gradient: one infinite", gradient=_gradient(math.inf)),
    Fault("gradient of a layer: NaN", gradient=_layer_gradient_lost),
    Fault("gradient reversed, × 1e4", gradient=_reversed),
    Fault("weight: one NaN", state=_weight(math.nan)),
    Fault("weight: one infinite", state=_weight(math.inf)),
    Fault("weights of a layer: NaN", state=_layer_lost),
    Fault("Adam's first moment: NaN", state=_remembered("exp_avg", math.nan)),
    Fault("Adam's first moment: infinite", state=_remembered("exp_avg", math.inf)),
    Fault("Adam's second moment: NaN", state=_remembered("exp_avg_sq", math.nan)),
    Fault("Adam's second moment: infinite", state=_remembered("exp_avg_sq", math.inf)),
    Fault("Adam's step count: NaN", state=_remembered("step", math.nan)),
    Fault("learning rate 1e6, from then on", state=_rate(1e6)),
    Fault("learning rate 1e6, one step", range(2), state=_one_step_at(1e6)),
    Fault("data × 100, 20 steps", range(20), data=lambda x: x * 100),
    Fault("a worker's gradient stale, 20 steps", range(20), gradient=_stale),
    Fault("weight: largest exponent bit flipped", state=_exponent_flipped),
    Fault("last layer: largest exponent bit flipped", state=_exponent_flipped_last),
    Fault("weights: 64 bits flipped", state=_bits_flipped),
)
