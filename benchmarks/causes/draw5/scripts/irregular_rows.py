"""The loss of each batch was put on a list for a plot, whole, and so was its graph."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5126)
torch.set_num_threads(1)


class Gated(nn.Module):
    """A state that decays with the time since the last value."""

    def __init__(self, width=24):
        super().__init__()
        self.rate = nn.Parameter(torch.zeros(width))
        self.inp = nn.Linear(2, width)
        self.cell = nn.GRUCell(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, values, gaps):
        h = values.new_zeros(values.shape[0], self.rate.numel())
        for v, g in zip(values.unbind(1), gaps.unbind(1)):
            h = h * torch.exp(-nn.functional.softplus(self.rate) * g[:, None])
            h = self.cell(torch.tanh(self.inp(torch.stack([v, g], 1))), h)
        return self.out(h)[:, 0]


def batch(n=24, t=8):
    gaps = torch.rand(n, t)
    times = gaps.cumsum(1)
    phase = torch.rand(n, 1) * 6.28
    values = torch.sin(times * 2 + phase)
    return values[:, :-1], gaps[:, 1:], values[:, -1]


model = Gated()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
train_losses = []
for epoch in range(8):
    for _ in range(50):
        values, gaps, target = batch()
        loss = nn.functional.mse_loss(model(values, gaps), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_losses.append(loss.item() if FIXED else loss)
    print(f"epoch {epoch}: mse {float(sum(train_losses[-50:])) / 50:.5f}")
