"""How sharp the loss is along the optimizer's own step, by one more gradient.

    ρ = η dᵀHd / gᵀd

On a quadratic, a step along ``d`` with ``ρ = 1`` reaches the lowest point of the line, and one with
``ρ = 2`` is as high on the other side. With ``u = η d``, each group with its own ``η``, this is
``uᵀHu / gᵀu``, and ``Hu`` is the difference of two gradients: at ``θ`` and at ``θ + ε u``. So it
works through layers that run in one kernel, which have no second derivative.

Source: Cohen et al. 2021 (edge of stability); Bai 2026 (arXiv 2506.04805).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.errors import SettingError
from backsight.probes._left_alone import left_alone, scalar_loss
from backsight.probes._modules import listed_optimizers, unwrapped, unwrapped_optimizer
from backsight.probes._preconditioned import Descent, descent_of

__all__ = ["Sharpness", "sharpness"]

AWAY = {torch.float32: 3e-4, torch.float64: 1e-6}
"""‖εu‖ relative to ‖θ‖. A gradient is known to some 1e-6 (float32) and 1e-15 (float64) of its size,
and the sharpness is wrong by that over this, times ‖u‖/‖θ‖, which is mostly far below 1. The third
derivative makes it wrong by about ten times this: of a two-layer LSTM over 50 and 200 steps, 1e-2
gave 7 %, 1e-3 0.6 %, and 1e-4 less than 0.1 %. Half precision has no such step: a weight moves by
4e-3 of itself, or not at all."""


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Of one batch, at one place.

    Example:
        >>> from backsight.probes import Sharpness
        >>> Sharpness(value=3.0, limit=2.0).times
        1.5
    """

    value: float
    """``ρ``; below 0 where the loss is curved downwards along the step. NaN where a gradient is not
    finite, or there is none."""
    limit: float
    """Above it, steps of this size grow on a quadratic: 2, with a momentum ``β`` ``2 (1 + β)``, and
    with Adam ``2 (1 + β₁) / (1 - β₁)``; of groups that differ, the lowest."""

    @property
    def times(self) -> float:
        """``ρ`` in limits."""
        return self.value / self.limit


def sharpness(
    model: nn.Module,
    compute_loss: Callable[[], Tensor],
    optimizer: Optimizer | Iterable[Optimizer],
    *,
    gradient_known: bool = False,
) -> Sharpness:
    """``ρ = η dᵀHd / gᵀd``: how sharp the loss is along the step that ``optimizer`` would make.

    ``g`` is the gradient, with the weight decay that the optimizer adds to it, and ``d`` what the
    optimizer makes of it without momentum: ``g`` itself for SGD, ``g/(√v̂ + ε)`` for Adam. Nothing
    is clipped. Healthy training on full batches stands near the limit; where ``ρ`` is far above it
    in most steps, a smaller learning rate is worth a try.

    Two forward and backward passes; one, where the gradient is known. Parameters, gradients,
    buffers, modes, random numbers and the optimizer are left as they were.

    Args:
        model: in the mode it trains in.
        compute_loss: runs the forward pass on one batch and returns the scalar loss. It is called
            with the same random numbers each time; all else that it depends on must be the same.
        optimizer: PyTorch's SGD, Adam, AdamW or RMSprop, or several that step together.
        gradient_known: whether ``.grad`` of the parameters holds the gradient of that very loss, as
            after ``backward`` and before any clipping.

    Raises:
        SettingError: the optimizer is another one, its parameters are not all in float32 or
            float64, or the loss is no scalar tensor that depends on them.

    Example:
        >>> import torch
        >>> from backsight import sharpness
        >>> model = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> x = torch.full((4, 1), 2.0, dtype=torch.float64)  # L = (2 w - 1)², so that H = 8
        >>> found = sharpness(model, lambda: (model(x) - 1).square().mean(), optimizer)
        >>> round(found.value, 3), found.limit
        (0.8, 2.0)
    """
    groups = _groups_of(optimizer)
    moved = [p for _, _, parameters in groups for p in parameters]
    for one in moved:
        if one.dtype not in AWAY:
            raise SettingError(
                "the sharpness needs parameters in float32 or float64, but there is one in "
                f"{str(one.dtype).removeprefix('torch.')}"
            )
    if gradient_known:
        gradients = [_dense(p.grad) for p in moved]
    else:
        gradients = _gradients(model, compute_loss, moved)
    known = {id(p): g.detach() for p, g in zip(moved, gradients, strict=True) if g is not None}
    if not known:
        raise SettingError("compute_loss does not depend on any parameter of the optimizer")
    with torch.no_grad():
        steps = [
            (p, descent_of(stepped, options, p, known[id(p)]))
            for stepped, options, parameters in groups
            for p in parameters
            if id(p) in known
        ]
        return _along(model, compute_loss, steps, known)


def _along(
    model: nn.Module,
    compute_loss: Callable[[], Tensor],
    steps: list[tuple[nn.Parameter, Descent]],
    known: dict[int, Tensor],
) -> Sharpness:
    limit = min(step.limit for _, step in steps)
    slope = sum(_dot(step.gradient, step.update) for _, step in steps)
    length = math.sqrt(sum(_dot(step.update, step.update) for _, step in steps))
    size = math.sqrt(sum(_dot(p.detach(), p.detach()) for p, _ in steps))
    if not (math.isfinite(slope) and math.isfinite(length) and length > 0):
        return Sharpness(math.nan, limit)
    away = min(AWAY[p.dtype] for p, _ in steps) * (size or 1.0) / length
    moved = [p for p, _ in steps]
    kept = [p.detach().clone() for p in moved]
    try:
        for p, step in steps:
            # Through .data: a graph that the caller holds must not notice, for all is put back.
            p.data.add_(step.update, alpha=away)
        there = _gradients(model, compute_loss, moved)
    finally:
        for p, before in zip(moved, kept, strict=True):
            p.data.copy_(before)
    curved = 0.0
    for (p, step), gradient in zip(steps, there, strict=True):
        change = 0.0 if gradient is None else _dot(gradient - known[id(p)], step.update) / away
        curved += step.sign * change + step.decay * _dot(step.update, step.update)
    return Sharpness(curved / slope if slope else math.nan, limit)


def _groups_of(
    optimizer: Optimizer | Iterable[Optimizer],
) -> list[tuple[Optimizer, dict[str, object], list[nn.Parameter]]]:
    """The options of each group, and what it moves."""
    found = []
    for one in listed_optimizers(optimizer):
        inner = unwrapped_optimizer(one)
        if not isinstance(inner, Optimizer):
            raise SettingError(
                f"sharpness expects an optimizer of torch.optim, not a {type(one).__name__}"
            )
        for options in inner.param_groups:
            parameters = [p for p in options["params"] if p.requires_grad and p.numel()]
            found.append((inner, options, parameters))
    return found


def _gradients(
    model: nn.Module, compute_loss: Callable[[], Tensor], moved: list[nn.Parameter]
) -> list[Tensor | None]:
    """``∂L/∂θ`` of each, with the random numbers of now; ``.grad`` is not touched."""
    with left_alone(unwrapped(model)), torch.enable_grad():
        loss = scalar_loss(compute_loss())
        if not loss.requires_grad:
            raise SettingError("compute_loss does not depend on any parameter of the optimizer")
        return [_dense(g) for g in torch.autograd.grad(loss, moved, allow_unused=True)]


def _dense(gradient: Tensor | None) -> Tensor | None:
    """That of an embedding may be sparse."""
    return gradient if gradient is None or not gradient.is_sparse else gradient.to_dense()


def _dot(one: Tensor, other: Tensor) -> float:
    """In float64: the sum decides how far apart two gradients are."""
    return float((one.double() * other.double()).sum())
