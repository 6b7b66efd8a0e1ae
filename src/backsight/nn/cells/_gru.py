"""``gru``: PyTorch's gated recurrent unit (Cho et al. 2014)."""

from torch import nn

__all__ = ["build"]


def build(inputs: int, hidden: int, layers: int, dropout: float) -> nn.GRU:
    """The fused module."""
    return nn.GRU(inputs, hidden, layers, batch_first=True, dropout=dropout)
