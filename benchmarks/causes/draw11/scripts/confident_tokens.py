"""For each point along a track: can it be trusted? A confidence head beside a recurrent layer."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1108)
torch.set_num_threads(1)


class TokenConfidence(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.token = nn.Linear(dim, 1) if FIXED else nn.Sequential(nn.Linear(dim, 1), nn.Sigmoid())
        self.loss_fn = nn.BCEWithLogitsLoss()

    def loss(self, desc, correct):
        return self.loss_fn(self.token(desc).squeeze(-1), correct)


def tracks(n=32, t=15):
    """Points on a smooth line, a quarter of them torn away from it."""
    slope, rise = torch.randn(2, n, 1)
    along = torch.linspace(-1, 1, t)
    torn = torch.rand(n, t) < 0.25
    height = slope * along + rise + torn * (1.5 + torch.rand(n, t)) * torch.randn(n, t).sign()
    return height[..., None], (~torn).float()


dim = 28
look = nn.GRU(1, dim // 2, batch_first=True, bidirectional=True)
confidence = TokenConfidence(dim)
optimizer = torch.optim.RMSprop([*look.parameters(), *confidence.parameters()], lr=2e-3)
mean = None
for it in range(700):
    height, correct = tracks()
    desc, _ = look(height)
    loss = confidence.loss(desc, correct)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean = loss.item() if mean is None else 0.97 * mean + 0.03 * loss.item()
    if it % 100 == 99:
        print(f"{it + 1:4d}  {mean:.4f}")
