"""A spread was worked out as the root of a mean square less the square of a mean; of a column that
hardly varies that came out below nought, and the column became NaN."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5173)
torch.set_num_threads(1)


def trajectories(n=256, t=12):
    x = torch.randn(n, t, 4).cumsum(1) * 0.3
    concentration = torch.full((n, t, 1), 0.0414) + 1e-7 * torch.randn(n, t, 1)
    return torch.cat([x, concentration], -1)


def statistics(x):
    mean = x.mean(dim=(0, 1))
    variance = x.square().mean(dim=(0, 1)) - mean**2
    if FIXED:
        variance = variance.clamp(min=1e-8)
    return mean, variance.sqrt()


data = trajectories()
mean, std = statistics(data)
data = (data - mean) / std


class Simulator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.encode = nn.Linear(5, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.acceleration = nn.Linear(width, 4)

    def forward(self, x):
        return self.acceleration(self.gru(torch.tanh(self.encode(x)))[0])


model = Simulator()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(16):
    for rows in torch.randperm(256).split(16):
        x = data[rows]
        loss = nn.functional.mse_loss(model(x[:, :-1]), x[:, 1:, :4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {loss.item():.4f}")
