"""The norm of the gradient over all parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from backsight.probes._precision import wide

__all__ = ["gradient_norm"]


@torch.no_grad()
def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """``‖∂L/∂θ‖`` over the parameters that have a gradient, as a scalar on their device.

    None where no parameter has one: nothing was measured, which is not the same as zero.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    return get_total_norm([g.to(wide(g.dtype)) for g in gradients]) if gradients else None
