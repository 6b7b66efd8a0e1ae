"""The warm-up was given in steps, and its scheduler moves once an epoch: in this run the rate never
leaves the first ten-thousandths of its aim."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(5136)
torch.set_num_threads(1)

EPOCHS, STEPS, WARM = 8, 60, 100


def warmup(k):
    return min(1.0, (k + 1) / WARM) if FIXED else min(1.0, k / (WARM * STEPS))


class Stereo(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.GRU(2, 20), nn.GRU(2, 20)
        self.offset = nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, a, b):
        _, h = self.left(a)
        _, g = self.right(b)
        return self.offset(torch.cat([h[0], g[0]], 1))[:, 0]


def views(n=32, t=10):
    a, b = torch.randn(t, n, 2), torch.randn(t, n, 2)
    return a, b, (a[-3:, :, 0].sum(0) - b[-3:, :, 1].sum(0)) / 2


net = Stereo()
optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
scheduler = LambdaLR(optimizer, warmup)
for epoch in range(EPOCHS):
    total = 0.0
    for _ in range(STEPS):
        a, b, y = views()
        loss = nn.functional.mse_loss(net(a, b), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if FIXED:
            scheduler.step()
        total += loss.item() / STEPS
    if not FIXED:
        scheduler.step()
    print(f"Epoch {epoch + 1}, avg loss {total:.4f}")
