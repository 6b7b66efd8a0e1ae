"""Forecasting several steps with quantiles, a rate with warm-up and a cosine to the end."""

import math

import torch
from torch import nn

torch.manual_seed(5206)
torch.set_num_threads(1)

hours = torch.arange(2000.0)
load = torch.sin(hours * 2 * math.pi / 24) + 0.5 * torch.sin(hours * 2 * math.pi / 12 + 1)
load = load + 0.15 * torch.randn(2000)
rows = load.unfold(0, 30, 1)
quantiles = torch.tensor([0.1, 0.5, 0.9])


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 28, batch_first=True)
        self.head = nn.Linear(28, 6 * 3)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][-1]).view(-1, 6, 3)


model = Forecaster()
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=1e-3)
steps, warm = 360, 30
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer,
    lambda k: (
        (k + 1) / warm if k < warm else 0.5 * (1 + math.cos(math.pi * (k - warm) / (steps - warm)))
    ),
)
for k in range(steps):
    batch = rows[torch.randint(0, len(rows), (32,))]
    x, y = batch[:, :24, None], batch[:, 24:, None]
    error = y - model(x)
    loss = torch.maximum(quantiles * error, (quantiles - 1) * error).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if k % 72 == 71:
        print(f"{k + 1} pinball {loss.item():.4f}")
