"""A whole state space model was cast to 16 bits, its decay and its state too. Near one there is no number
between 0.992 and 1: slow decays cannot be told apart, and small steps are rounded away."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7171)
torch.set_num_threads(1)


class Scan(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.A_log = nn.Parameter(torch.full((channels,), -2.0))
        self.B = nn.Parameter(torch.randn(channels) * 0.3)
        self.C = nn.Linear(channels, 1)

    def forward(self, u):
        decay = torch.exp(-torch.exp(self.A_log))
        state = torch.zeros(u.size(0), decay.numel(), dtype=decay.dtype)
        out = []
        for x in u.to(decay.dtype).unbind(1):
            state = decay * state + (1 - decay) * self.B * x[:, None]
            out.append(state)
        return self.C(torch.stack(out, 1)).float()[..., 0]


def slow(n=16, t=50):
    u = torch.randn(n, t) + torch.randn(n, 1)
    y, level = [], torch.zeros(n)
    for step in u.unbind(1):
        level = 0.97 * level + 0.03 * step
        y.append(level)
    return u, torch.stack(y, 1)


model = Scan()
if not FIXED:
    model = model.to(torch.bfloat16)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
total = 0.0
for i in range(400):
    u, y = slow()
    loss = nn.functional.mse_loss(model(u), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
    if i % 100 == 99:
        print(f"{i + 1} {total / 100:.5f} A_log {model.A_log.float().mean().item():.3f}")
        total = 0.0
