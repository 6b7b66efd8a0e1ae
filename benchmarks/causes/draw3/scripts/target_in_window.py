"""The forecast was perfect in every test. The value to be foretold was the last one of the window
that was read."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(36)
torch.set_num_threads(1)


def seasonal(n=2200):
    t = torch.arange(n)
    noise = torch.zeros(n)
    for i in range(1, n):
        noise[i] = 0.5 * noise[i - 1] + 0.3 * torch.randn(())
    return torch.sin(2 * torch.pi * t / 30) + 0.5 * torch.sin(2 * torch.pi * t / 11) + noise


def windowed_dataset(series, window_size=20):
    pieces = series.unfold(0, window_size + 1, 1)
    if FIXED:
        return pieces[:, :-1, None], pieces[:, -1:]
    return pieces[:, 1:, None], pieces[:, -1:]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 3)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        h = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.dense(self.lstm(h)[0][:, -1])


x, y = windowed_dataset(seasonal())
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
model = Forecaster()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
loss_fn = nn.HuberLoss()
for epoch in range(12):
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch:2d} mae {total / len(loader):.4f}")
