"""Samples along a ray are read in order and the light that comes through is predicted; the rate goes
up over the first steps and then falls."""

import math
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8130)
torch.set_num_threads(1)


class Field(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.along = nn.GRU(4, width, batch_first=True)
        self.density, self.colour = nn.Linear(width, 1), nn.Linear(width, 3)

    def forward(self, samples):
        h, _ = self.along(samples)
        return render(self.density(h).exp(), torch.sigmoid(self.colour(h)))


def render(density, colour):
    opaque = 1 - (-density).exp()
    through = torch.cat([torch.ones_like(opaque[:, :1]), 1 - opaque[:, :-1]], 1).cumprod(1)
    return (through * opaque * colour).sum(1)


def rays(n=48, t=8):
    density, colour = 2 * torch.rand(n, t, 1), torch.rand(n, t, 3)
    return torch.cat([density, colour], -1), render(density, colour)


lr_init, lr_final, lr_pre_warmup = 1e-2, 1e-3, 1e-6
warmup_steps, max_steps = 150, 340


def rate(step):
    if step < warmup_steps:
        top = lr_init if FIXED else 1.0
        part = math.sin(0.5 * math.pi * step / warmup_steps)
        return lr_pre_warmup + (top - lr_pre_warmup) * part
    t = (step - warmup_steps) / (max_steps - warmup_steps)
    return math.exp(math.log(lr_init) * (1 - t) + math.log(lr_final) * t)


field = Field()
optimizer = torch.optim.Adam(field.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
for step in range(max_steps):
    samples, light = rays()
    loss = nn.functional.mse_loss(field(samples), light)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 85 == 84:
        print(f"{step + 1} loss {loss.item():.5f}")
