"""Drips into a leaking barrel, one reading a second: leaky states add them up, and the level is read at the end."""

import sys

import torch
from torch import nn

torch.manual_seed(1645)
torch.set_num_threads(1)
SECONDS, BARRELS = 64, 24


def barrels(n):
    """What drips in changes its pace halfway; the barrel loses a two-hundredth each second."""
    pace = torch.rand(n, 2).repeat_interleave(SECONDS // 2, dim=1)
    drips = pace * (0.8 + 0.4 * torch.rand(n, SECONDS))
    left = (1 - 1 / 200) ** torch.arange(SECONDS - 1, -1, -1)
    level = (drips * left).sum(1) / 30
    return drips.unsqueeze(2), level.unsqueeze(1)


class LeakyStates(nn.Module):
    """h = a * h + (1 - a) * W x for each unit, its a between 0.99 and 0.9995."""

    def __init__(self, size=BARRELS):
        super().__init__()
        self.inp = nn.Linear(1, size)
        rate = torch.logspace(-2, -3.3, size)
        self.log_rate = nn.Parameter(rate.log())
        self.out = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, 1))
        self.state_dtype = torch.float32 if "--fixed" in sys.argv else torch.bfloat16

    def forward(self, drips):
        rate = self.log_rate.exp()
        x = 20 * rate * torch.nn.functional.softplus(self.inp(drips))
        state = torch.zeros(len(drips), BARRELS, dtype=self.state_dtype)
        for drip in x.unbind(1):
            state = ((1 - rate) * state + drip).to(self.state_dtype)
        return self.out(state.float())


model = LeakyStates()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_drips, test_level = barrels(300)
for step in range(1, 321):
    drips, level = barrels(32)
    loss = nn.functional.mse_loss(model(drips), level)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_drips), test_level).sqrt().item()
        print(
            f"step {step} loss {loss.item():.5f} test rmse {error:.4f} "
            f"(spread {test_level.std().item():.3f})"
        )
