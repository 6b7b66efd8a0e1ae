"""A rate that should fall a little every five steps falls at each of the small batches for as long
as the step counter stays at five, and the counter moves only once an outer batch is full."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6145)
torch.set_num_threads(1)

LR, DECAY_STEP, SMALL = 4e-3, 5, 8


class GoTracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.frames = nn.GRU(4, 32, batch_first=True)
        self.box = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        return self.box(self.frames(x)[0][:, -1])


def exp_lr_scheduler(optimizer, step):
    if step > 0 and step % DECAY_STEP == 0:
        for group in optimizer.param_groups:
            group["lr"] *= 0.8


def clips(n=24, t=10):
    velocity = 0.3 * torch.randn(n, 1, 2)
    start = torch.randn(n, 1, 2)
    place = start + velocity * torch.arange(t + 1)[None, :, None]
    seen = place[:, :-1] + 0.1 * torch.randn(n, t, 2)
    return torch.cat([seen, torch.randn(n, t, 2)], -1), place[:, -1]


net = GoTracker()
optimizer = torch.optim.Adam(net.parameters(), lr=LR)
itr, in_batch = 0, 0
for small in range(480):
    x, box = clips()
    loss = (net(x) - box).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    in_batch += 1
    done = in_batch == SMALL
    if not FIXED or done:
        exp_lr_scheduler(optimizer, itr)
    if done:
        itr, in_batch = itr + 1, 0
        if itr % 10 == 0:
            print(f"[{itr}] loss = {loss.item():.4f} lr = {optimizer.param_groups[0]['lr']:.2e}")
