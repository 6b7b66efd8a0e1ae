"""``rnn`` and ``rnn-relu``: PyTorch's plain RNN, ``h' = tanh(W x + U h + b)`` or with a ReLU."""

from torch import nn

__all__ = ["build_relu", "build_tanh"]


def build_tanh(inputs: int, hidden: int, layers: int, dropout: float) -> nn.RNN:
    """With tanh."""
    return nn.RNN(inputs, hidden, layers, batch_first=True, dropout=dropout)


def build_relu(inputs: int, hidden: int, layers: int, dropout: float) -> nn.RNN:
    """With a ReLU."""
    return nn.RNN(inputs, hidden, layers, nonlinearity="relu", batch_first=True, dropout=dropout)
