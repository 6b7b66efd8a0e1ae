"""What the processor that runs the tests can do."""

import pytest
import torch
from torch import nn

__all__ = ["skip_where_there_is_no_bf16_lstm"]


def _bf16_lstm() -> bool:
    try:
        with torch.autocast("cpu", torch.bfloat16):
            nn.LSTM(2, 2)(torch.zeros(1, 1, 2))
    except RuntimeError:
        return False
    return True


def skip_where_there_is_no_bf16_lstm(cell: str, precision: str = "bf16-mixed") -> None:
    """oneDNN has an LSTM under autocast only for processors with AVX-512."""
    if cell == "lstm" and precision == "bf16-mixed" and not _bf16_lstm():
        pytest.skip("this processor has no LSTM in bf16")
