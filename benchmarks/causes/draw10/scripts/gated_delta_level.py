"""The level of a tank that is filled in drops: a linear recurrence whose state is kept small in memory."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10046)
torch.set_num_threads(1)
STATE = torch.float32 if FIXED else torch.bfloat16


class Recurrence(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.write = nn.Linear(2, channels)
        self.decay = nn.Parameter(torch.full((channels,), 6.0))
        self.read = nn.Linear(channels, 1)

    def forward(self, x):
        v = self.write(x)
        keep = torch.sigmoid(self.decay)
        state = torch.zeros(x.size(0), v.size(-1), dtype=STATE)
        for t in range(x.size(1)):
            state = (keep * state.float() + v[:, t]).to(STATE)
        return self.read(state.float()).squeeze(-1)


def tanks(n=32, length=64):
    drops = (torch.rand(n, length) < torch.rand(n, 1)).float() * 0.05
    first = torch.zeros(n, length)
    first[:, 0] = 8 * torch.rand(n)
    return torch.stack([drops, first], -1), drops.sum(1) + first[:, 0] - 5


model = Recurrence()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(450):
    x, level = tanks()
    loss = nn.functional.mse_loss(model(x), level)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 90 == 89:
        print(f"step {step + 1} loss {loss.item():.6f}")
