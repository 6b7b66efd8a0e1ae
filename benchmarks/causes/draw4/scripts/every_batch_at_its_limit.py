"""Gradients are hundreds of times as long as the limit that was taken over from another project.
Every step was cut to the same tiny length, and the rate meant nothing."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(440)
torch.set_num_threads(1)
MAX_NORM = 5.0 if FIXED else 0.01


class Flow(nn.Module):
    """Pressure at a wing from the speeds along a line before it."""

    def __init__(self, width=32):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.rnn(F.gelu(self.inp(x)))[0])


def sample(n=16):
    x = torch.randn(n, 20, 2)
    pressure = torch.zeros(n, 20, 1)
    for t in range(1, 20):
        pressure[:, t] = 0.7 * pressure[:, t - 1] + x[:, t, :1] - 0.5 * x[:, t - 1, 1:]
    return x, 3 * pressure


model = Flow()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
for step in range(400):
    x, y = sample()
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    grad_norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=MAX_NORM)
    optimizer.step()
    schedule.step()
    if step % 80 == 79:
        print(f"train/loss {loss.item():.4f} train/grad_norm {grad_norm.item():.3f}")
