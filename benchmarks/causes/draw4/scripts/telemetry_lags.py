"""Telemetry by the minute. The model saw a single value at a time and kept no state between
them, and all that it could say of the next minute was this one."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(433)
torch.set_num_threads(1)
rng = np.random.default_rng(433)

minutes = np.arange(4000)
channel = np.sin(2 * np.pi * minutes / 16) + 0.5 * np.sin(2 * np.pi * minutes / 11 + 1)
channel = channel + 0.05 * rng.normal(size=4000)
l_s = 24 if FIXED else 1
windows = np.lib.stride_tricks.sliding_window_view(channel, l_s + 1).copy()
data = torch.tensor(windows, dtype=torch.float32)
X, y = data[:, :-1].unsqueeze(-1), data[:, -1]
split = 3000
train = DataLoader(TensorDataset(X[:split], y[:split]), batch_size=100, shuffle=True)


class Telemanom(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, num_layers=2, dropout=0.1, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.dense(out[:, -1]).squeeze(-1)


model = Telemanom()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
best = float("inf")
for epoch in range(10):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = nn.functional.mse_loss(model(X[split:]), y[split:]).item()
        persistence = (X[split:, -1, 0] - y[split:]).pow(2).mean().item()
    best = min(best, val)
    print(
        f"Epoch {epoch + 1}: loss {loss.item():.4f} val_loss {val:.4f} (last value {persistence:.4f})"
    )
