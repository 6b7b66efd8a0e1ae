"""The arithmetic that measurements are made in."""

import torch

__all__ = ["wide"]


def wide(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64, else float32: bf16 keeps 3 digits, and fp16 squares overflow at 256."""
    return torch.float64 if dtype == torch.float64 else torch.float32
