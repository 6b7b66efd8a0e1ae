"""A series goes through an LSTM of a few units and, beside it, through nothing else: how strong is
its swing, and how quick?"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8136)
torch.set_num_threads(1)


class Branch(nn.Module):
    def __init__(self, cells=8, rate=0.1 if FIXED else 0.8):
        super().__init__()
        self.lstm = nn.LSTM(1, cells, batch_first=True)
        self.dropout = nn.Dropout(rate)
        self.dense = nn.Linear(cells, 24)
        self.out = nn.Linear(24, 2)

    def forward(self, series):
        _, (h, _) = self.lstm(series)
        x = self.dropout(h[-1])
        return self.out(self.dropout(self.dense(x).relu()))


def swings(n=48, t=18):
    strength, pace = 0.3 + 1.7 * torch.rand(n, 1), 0.2 + 0.8 * torch.rand(n, 1)
    series = strength * torch.sin(pace * torch.arange(t) + 6.28 * torch.rand(n, 1))
    target = torch.cat([2 * strength - 2.3, 4 * pace - 2.4], 1)
    return series[..., None], target


model = Branch()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(10):
    total = 0.0
    for _ in range(38):
        series, target = swings()
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(series), target)
        loss.backward()
        optimizer.step()
        total += loss.item() / 38
    print(f"epoch {epoch + 1} - loss: {total:.4f}")
