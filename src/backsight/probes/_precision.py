"""The arithmetic that norms are taken in, its rounding, and where values may be looked at."""

import torch
from torch import Tensor

__all__ = ["least_norm", "norm_dtype", "on_host", "rounding"]

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Another dropout mask or other weights leave a wholly different output; what is allowed is the
kernel's own rounding over many steps."""

LOOSE = 0.05
"""In bf16 and fp16, and under autocast, where a kernel rounds inside whatever it returns."""


def rounding(dtype: torch.dtype, *, autocast: bool = False) -> float:
    """Between a state that is computed again and the run's own, for them to count as the same."""
    return LOOSE if autocast else TOLERANCE.get(dtype, LOOSE)


def on_host(tensor: Tensor) -> bool:
    """Whether its value is at hand: on an accelerator, a look waits for all that was launched.

    Example:
        >>> import torch
        >>> from backsight.probes import on_host
        >>> on_host(torch.zeros(2)), on_host(torch.zeros(2, device="meta"))
        (True, False)
    """
    return tensor.is_cpu


def least_norm(gradient: Tensor) -> float:
    """Of a gradient ``(…, units)`` whose elements are the smallest number of their dtype.

    In fp16 that is a subnormal one; of other dtypes, many kernels round subnormal ones to zero.
    """
    about = torch.finfo(gradient.dtype)
    half = gradient.dtype == torch.float16
    least = about.smallest_normal * (about.eps if half else 1)
    return float(least * gradient.shape[-1] ** 0.5)


def norm_dtype(tensor: Tensor, *, bounded: bool = False) -> torch.dtype:
    """The dtype to square and add the elements of ``tensor`` in.

    float32 squares overflow from 1.8e19 on: a gradient on its way to infinity would be called
    infinite too early. So float64, unless the elements are ``bounded`` (a tanh state), or the
    device has none (MPS). Never less than float32: bf16 keeps 3 digits.
    """
    if tensor.dtype == torch.float64 or (not bounded and tensor.device.type != "mps"):
        return torch.float64
    return torch.float32
