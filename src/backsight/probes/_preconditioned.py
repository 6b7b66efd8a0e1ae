"""What an optimizer's step would be without momentum, and how sharp a loss it can stand.

    u_i = η d_i,   d = P g',   g' = ∂L/∂θ + λ θ

``P`` is what the optimizer divides a gradient by, ``λ`` a weight decay that it adds to the gradient
(*coupled*); decay that it takes off the weights by itself is left out. ``η``, ``λ`` and ``P`` are
those of the parameter's group.

Limits: with a constant curvature ``h`` along ``d``, a step ``θ ← θ - η m`` with
``m ← β m + (1 - τ) d`` no longer converges where ``η h`` passes ``2 (1 + β) / (1 - τ)``: the roots
of ``z² - (1 + β - η h (1 - τ)) z + β`` leave the unit circle at ``z = -1``. Adam's first moment is
that with ``τ = β₁``. Nesterov's form has ``2 (1 + β) / (1 + 2 β)`` (Cohen et al. 2021).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from backsight.errors import SettingError

__all__ = ["Descent", "descent_of"]


class Descent(NamedTuple):
    """Of one parameter."""

    gradient: Tensor
    """``g'``, with coupled weight decay; where the loss is maximised, of its negative."""
    update: Tensor
    """``u``: what a step without momentum would take off the parameter."""
    decay: float
    """``λ``, the coupled weight decay."""
    sign: float
    """-1 where the loss is maximised."""
    limit: float
    """Of the sharpness, by the momentum of its group."""


Options = Mapping[str, Any]


def descent_of(
    optimizer: Optimizer, options: Options, parameter: nn.Parameter, gradient: Tensor
) -> Descent:
    """How ``optimizer`` would move a parameter along its gradient, without momentum.

    Args:
        optimizer: nothing of it is changed.
        options: the group of the parameter, of ``optimizer.param_groups``.
        parameter: one of that group.
        gradient: of its shape, unclipped.

    Raises:
        SettingError: it is none of PyTorch's SGD, Adam, AdamW and RMSprop.
    """
    kind = _KINDS.get(type(optimizer))
    if kind is None:
        known = ", ".join(sorted(one.__name__ for one in _KINDS))
        raise SettingError(
            f"the sharpness is not measured with {type(optimizer).__name__}: how it turns a "
            f"gradient into a step is known of torch.optim's {known} alone"
        )
    decoupled = type(optimizer) is AdamW or options.get("decoupled_weight_decay", False)
    decay = 0.0 if decoupled else float(options["weight_decay"])
    sign = -1.0 if options["maximize"] else 1.0
    gradient = sign * gradient + decay * parameter.detach()
    state = optimizer.state.get(parameter, {})
    direction = kind.direction(options, state, gradient)
    update = float(options["lr"]) * direction
    return Descent(gradient, update, decay, sign, kind.limit(options))


def _plain(options: Options, state: Mapping[str, Any], gradient: Tensor) -> Tensor:
    return gradient


def _by_second_moment(options: Options, state: Mapping[str, Any], gradient: Tensor) -> Tensor:
    """``g' / (√v̂ + ε)``, where ``v̂`` has seen this gradient, too."""
    beta = float(options["betas"][1])
    squares = (1 - beta) * gradient.square()
    if "exp_avg_sq" in state:
        squares = squares + beta * state["exp_avg_sq"]
    steps = float(state.get("step", 0)) + 1
    if options["amsgrad"] and "max_exp_avg_sq" in state:
        squares = torch.maximum(squares, state["max_exp_avg_sq"])
    root: Tensor = (squares / (1 - beta**steps)).sqrt()
    return gradient / (root + float(options["eps"]))


def _by_mean_square(options: Options, state: Mapping[str, Any], gradient: Tensor) -> Tensor:
    """``g' / (√v + ε)``; centred, ``v`` is the variance."""
    alpha = float(options["alpha"])
    squares = (1 - alpha) * gradient.square()
    if "square_avg" in state:
        squares = squares + alpha * state["square_avg"]
    if options["centered"]:
        mean = (1 - alpha) * gradient
        if "grad_avg" in state:
            mean = mean + alpha * state["grad_avg"]
        squares = squares - mean.square()
    return gradient / (squares.sqrt() + float(options["eps"]))


def _limit_of_sgd(options: Options) -> float:
    beta = float(options["momentum"])
    if options["nesterov"]:
        return 2 * (1 + beta) / (1 + 2 * beta)
    # Without momentum, PyTorch does not look at the dampening.
    return 2 * (1 + beta) / (1 - float(options["dampening"]) * (beta != 0))


def _limit_of_adam(options: Options) -> float:
    beta = float(options["betas"][0])
    return 2 * (1 + beta) / (1 - beta)


def _limit_of_rmsprop(options: Options) -> float:
    return 2 * (1 + float(options["momentum"]))


class _Kind(NamedTuple):
    direction: Callable[[Options, Mapping[str, Any], Tensor], Tensor]
    limit: Callable[[Options], float]


_KINDS: dict[type[Optimizer], _Kind] = {
    SGD: _Kind(_plain, _limit_of_sgd),
    Adam: _Kind(_by_second_moment, _limit_of_adam),
    AdamW: _Kind(_by_second_moment, _limit_of_adam),
    RMSprop: _Kind(_by_mean_square, _limit_of_rmsprop),
}
"""By the very class: a subclass may step in a way of its own."""
