"""Density along a ray, sample by sample, with a sinus ramp of the rate before it decays."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10034)
torch.set_num_threads(1)
lr_init, lr_final, lr_pre_warmup = 5e-3, 1e-3, 1e-6
warmup_steps, max_steps = 300, 600


def rate(step):
    if step < warmup_steps:
        top = lr_init if FIXED else 1
        ramp = np.sin(0.5 * np.pi * np.clip(step / warmup_steps, 0, 1))
        lr = lr_pre_warmup + (top - lr_pre_warmup) * ramp
    else:
        t = np.clip((step - warmup_steps) / (max_steps - warmup_steps), 0, 1)
        lr = np.exp(np.log(lr_init) * (1 - t) + np.log(lr_final) * t)
    return lr / lr_init


class Ray(nn.Module):
    def __init__(self):
        super().__init__()
        self.march = nn.GRU(3, 32, batch_first=True)
        self.colour = nn.Linear(32, 1)

    def forward(self, samples):
        return self.colour(self.march(samples)[0][:, -1]).squeeze(-1)


def rays(n=48, samples=12):
    density, colour = torch.rand(n, samples), torch.rand(n, samples)
    seen = torch.exp(-(density.cumsum(1) - density) * 0.5)
    pixel = (seen * (1 - torch.exp(-density * 0.5)) * colour).sum(1)
    depth = torch.linspace(0, 1, samples).expand(n, samples)
    return torch.stack([density, colour, depth], -1), pixel * 3


model = Ray()
optimizer = torch.optim.Adam(model.parameters(), lr=lr_init)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
for step in range(max_steps):
    samples, pixel = rays()
    loss = nn.functional.mse_loss(model(samples), pixel)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 100 == 99:
        print(f"step {step + 1} lr {scheduler.get_last_lr()[0]:.2e} loss {loss.item():.5f}")
