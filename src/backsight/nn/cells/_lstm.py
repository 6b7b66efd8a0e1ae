"""``lstm``: PyTorch's long short-term memory (Hochreiter, Schmidhuber 1997; with a forget gate)."""

from torch import nn

__all__ = ["build"]


def build(inputs: int, hidden: int, layers: int, dropout: float) -> nn.LSTM:
    """The fused module."""
    return nn.LSTM(inputs, hidden, layers, batch_first=True, dropout=dropout)
