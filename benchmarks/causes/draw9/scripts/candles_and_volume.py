"""Candles of a market, with prices and volume, are scaled and forecast by a GRU."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9045)
torch.set_num_threads(1)


def market(n=1500):
    price, volume, momentum = [4.0], [20000.0], 0.0
    for _ in range(n - 1):
        momentum = 0.9 * momentum + 0.02 * torch.randn(()).item()
        price.append(4.0 + 0.8 * (price[-1] - 4.0) + momentum)
        volume.append(20000 + 15000 * torch.randn(()).item())
    return torch.tensor([price, volume]).T


def scale(data):
    if FIXED:
        low, high = data.amin(0), data.amax(0)
    else:
        low, high = data.min(), data.max()
    return (data - low) / (high - low), (high - low) * torch.ones(2)


raw = market()
data, size = scale(raw)
windows = data.unfold(0, 11, 1).transpose(1, 2)


class LSTMTimeStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.gru(x)[0][:, -1])


net = LSTMTimeStep()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for i in range(500):
    batch = windows[torch.randint(0, len(windows), (32,))]
    loss = nn.functional.mse_loss(net(batch[:, :-1]), batch[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        with torch.no_grad():
            wrong = (net(windows[:, :-1]) - windows[:, -1])[:, 0].abs().mean() * size[0]
        print(f"iterations: {i + 1}, training error: {loss.item():.5f}, price off by {wrong:.3f}")
