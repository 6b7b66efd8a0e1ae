"""The norm of the gradient over all parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from backsight.probes._precision import norm_dtype

__all__ = ["gradient_norm"]


@torch.no_grad()
def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """``‖∂L/∂θ‖`` over the parameters that have a gradient, as a scalar on their device.

    None where no parameter has one: nothing was measured, which is not the same as zero.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return None
    device = gradients[0].device
    norms = [torch.linalg.vector_norm(g, dtype=norm_dtype(g)).to(device) for g in gradients]
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return total
