"""A series of visitor counts goes in as it was counted, in the thousands, and is not scaled. Each
unit of the recurrent layer stands at its end from the first day on."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6142)
torch.set_num_threads(1)
rng = np.random.default_rng(6142)

days = np.arange(1200)
week = 900 * np.sin(2 * np.pi * days / 7) + 500 * np.cos(2 * np.pi * days / 31)
visitors = 5200 + week + 120 * rng.normal(size=1200)


class Scaler:
    def fit_transform(self, series):
        self.mean, self.std = series.mean(), series.std()
        return (series - self.mean) / self.std


class RNNModel(nn.Module):
    def __init__(self, input_chunk_length=16, hidden_dim=25):
        super().__init__()
        self.input_chunk_length = input_chunk_length
        self.rnn = nn.RNN(1, hidden_dim, batch_first=True)
        self.V = nn.Linear(hidden_dim, 1)

    def forward(self, x):
        return self.V(self.rnn(x)[0][:, -1])

    def fit(self, inputs, target, n_iterations=400, lr=3e-3):
        x = torch.tensor(inputs, dtype=torch.float32)
        y = torch.tensor(target, dtype=torch.float32)
        optimizer = torch.optim.Adam(self.parameters(), lr=lr)
        length = self.input_chunk_length
        for i in range(n_iterations):
            starts = torch.randint(0, len(x) - length, (32,))
            chunk = torch.stack([x[s : s + length] for s in starts])[..., None]
            wanted = torch.stack([y[s + length] for s in starts])[:, None]
            loss = nn.functional.mse_loss(self(chunk), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if i % 80 == 79:
                print(f"iteration {i + 1} train_loss {loss.item():.4f}")


scaled = Scaler().fit_transform(visitors)
model = RNNModel()
model.fit(scaled if FIXED else visitors, scaled)
