"""Queries look at a row of objects through attention, and boxes are fitted with a summed loss."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8125)
torch.set_num_threads(1)


class Detector(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.reader = nn.GRU(5, d, batch_first=True, bidirectional=True)
        self.query = nn.Parameter(torch.randn(3, 2 * d))
        self.attend = nn.MultiheadAttention(2 * d, 2, batch_first=True)
        self.bbox = nn.Linear(2 * d, 2)

    def forward(self, x):
        memory, _ = self.reader(x)
        query = self.query.expand(len(x), -1, -1)
        seen, _ = self.attend(query, memory, memory)
        return self.bbox(seen)


def scenes(n=16, t=10):
    x = torch.randn(n, t, 5)
    kind = torch.stack([torch.randperm(t)[:3] for _ in range(n)])
    x[..., :3] = 0
    for k in range(3):
        x[torch.arange(n), kind[:, k], k] = 3.0
    return x, x[torch.arange(n)[:, None], kind, 3:]


detr = Detector()
max_norm = 50.0 if FIXED else 0.1
optimizer = torch.optim.SGD(detr.parameters(), lr=1e-3, momentum=0.9)
for it in range(350):
    x, boxes = scenes()
    loss = 5 * F.mse_loss(detr(x), boxes, reduction="sum") / 2
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(detr.parameters(), max_norm)
    optimizer.step()
    if it % 70 == 69:
        print(f"{it + 1}: loss {loss.item():.1f}")
