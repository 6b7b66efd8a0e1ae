"""A rate that warms up and falls again, batch by batch, for a recurrent reader of gestures."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9058)
torch.set_num_threads(1)


class Gestures(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(3, 16)
        self.rnn = nn.GRU(16, 24, num_layers=2, batch_first=True)
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        return self.out(self.rnn(self.inp(x).tanh())[0].mean(1))


def gestures(n=24, t=16):
    y = torch.randint(0, 4, (n,))
    angle = torch.arange(t) * 0.4 * (1 + y[:, None] // 2) * (1 - 2 * (y[:, None] % 2))
    angle = angle + 6.28 * torch.rand(n, 1)
    return torch.stack([angle.sin(), angle.cos(), torch.randn(n, t)], -1), y


model = Gestures()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
steps = 400
lr_scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
warmup_period = 40
for i in range(steps):
    x, y = gestures()
    loss = nn.functional.cross_entropy(model(x), y)
    if FIXED:
        optimizer.zero_grad()
        loss.backward()
    else:
        loss.backward()
        optimizer.zero_grad()
    factor = min(1.0, (i + 1) / warmup_period)
    for group in optimizer.param_groups:
        group["lr"] *= factor
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] /= factor
    lr_scheduler.step()
    if i % 80 == 79:
        print(f"iter {i + 1} lr {lr_scheduler.get_last_lr()[0]:.5f} loss {loss.item():.4f}")
