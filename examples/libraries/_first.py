"""The task of most examples: of a sequence of random numbers, the sign of the first."""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset


def data(sequences: int = 64, steps: int = 12) -> TensorDataset:
    """``(B, T, 1)`` numbers, and ``(B,)`` the class, 0 or 1, of the first."""
    x = torch.randn(sequences, steps, 1, generator=torch.Generator().manual_seed(1))
    return TensorDataset(x, (x[:, 0, 0] > 0).long())


class Classifier(nn.Module):
    """An LSTM, and a linear layer on its last state."""

    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, 1)`` to ``(B, 2)``."""
        scores: Tensor = self.head(self.rnn(x)[0][:, -1])
        return scores
