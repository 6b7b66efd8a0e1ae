"""The arithmetic that norms are taken in, so that they are finite where the numbers are."""

import torch
from torch import Tensor

__all__ = ["norm_dtype"]


def norm_dtype(tensor: Tensor, *, bounded: bool = False) -> torch.dtype:
    """The dtype to square and add the elements of ``tensor`` in.

    float32 squares overflow from 1.8e19 on: a gradient on its way to infinity would be called
    infinite too early. So float64, unless the elements are ``bounded`` (a tanh state), or the
    device has none (MPS). Never less than float32: bf16 keeps 3 digits.
    """
    if tensor.dtype == torch.float64 or (not bounded and tensor.device.type != "mps"):
        return torch.float64
    return torch.float32
