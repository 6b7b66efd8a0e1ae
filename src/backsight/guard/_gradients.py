"""Gradients of everything the optimizers move: their norm, their size, their absence."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.distributed import has_group, world_size
from backsight.probes import tensor_norms, total_norm

__all__ = [
    "agree",
    "moved",
    "norm_of",
    "numbers_of",
    "overflowed",
    "rescale",
    "scale_of",
    "taken_away",
]


def moved(optimizers: Iterable[Optimizer]) -> list[nn.Parameter]:
    """Their parameters, each once, in order."""
    found: dict[int, nn.Parameter] = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            found.update((id(p), p) for p in group["params"])
    return list(found.values())


def gradients(parameters: Iterable[nn.Parameter]) -> Iterator[Tensor]:
    """Those that there are."""
    return (p.grad for p in parameters if p.grad is not None)


def norm_of(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """``‖g‖`` over all of them as a scalar, as stored; None where none has a gradient."""
    there = list(gradients(parameters))
    return total_norm(tensor_norms(there)) if there else None


def numbers_of(
    told: float | Tensor | None, parameters: list[nn.Parameter] | None, beside: Tensor
) -> tuple[float, float]:
    """Loss and gradient norm, in one copy from the device, the same in every process.

    Args:
        told: the loss, or what stands for it; NaN comes back for None.
        parameters: whose gradients count; None for a norm of 0.
        beside: on the device where the two meet.
    """
    norm = None if parameters is None else norm_of(parameters)
    if isinstance(told, Tensor):
        told = told.detach().sum()
    wide = torch.float32 if beside.device.type == "mps" else torch.float64
    parts = [torch.as_tensor(math.nan if x is None else x).to(beside.device, wide)
             for x in (told, 0.0 if norm is None else norm)]  # fmt: skip
    loss, size = agree(torch.stack(parts)).tolist()
    return loss, size


@torch.no_grad()
def rescale(parameters: Iterable[nn.Parameter], factor: float) -> None:
    """Multiply every gradient in place."""
    there = list(gradients(parameters))
    sparse = [g for g in there if g.is_sparse]
    torch._foreach_mul_([g for g in there if not g.is_sparse], factor)
    for gradient in sparse:
        gradient.mul_(factor)


def taken_away(parameters: Iterable[nn.Parameter]) -> list[tuple[nn.Parameter, Tensor]]:
    """Leave no gradient, so that a step does nothing; returns them, to be put back."""
    kept = []
    for parameter in parameters:
        if parameter.grad is not None:
            kept.append((parameter, parameter.grad))
            parameter.grad = None
    return kept


def scale_of(optimizer: Optimizer) -> float:
    """What a loss scaler has left in the gradients: a fused optimizer divides by itself."""
    scale = getattr(optimizer, "grad_scale", None)
    return 1.0 if scale is None else float(scale)


def overflowed(optimizer: Optimizer) -> bool:
    """Whether a loss scaler has told a fused optimizer to leave this step out by itself."""
    found = getattr(optimizer, "found_inf", None)
    return found is not None and float(found) > 0


def agree(values: Tensor) -> Tensor:
    """The mean of each value over all processes that train together; a NaN of any is one of all.

    Args:
        values: ``(n,)``.
    """
    if not has_group() or world_size() == 1:
        return values
    torch.distributed.all_reduce(values)
    return values / world_size()
