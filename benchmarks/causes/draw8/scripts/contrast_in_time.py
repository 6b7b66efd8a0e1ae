"""Recordings of four channels: an encoder brings two views of one recording together, and a head on
top tells three states."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8150)
torch.set_num_threads(1)
input_channels = 4 if FIXED else 1


class TFC(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.time = nn.GRU(input_channels, width, batch_first=True)
        self.project = nn.Linear(width, 16)
        self.state = nn.Linear(width, 3)

    def forward(self, x):
        x = x[..., :input_channels]
        h = self.time(x)[0].mean(1)
        return F.normalize(self.project(h), dim=1), self.state(h)


def recordings(n=36, t=20):
    state = torch.randint(0, 3, (n,))
    x = torch.randn(n, t, 4)
    x[..., 2] += 0.8 * (state[:, None] - 1)
    x[..., 3] += 0.8 * (state[:, None] == 1)
    return x, state


model = TFC()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(280):
    x, state = recordings()
    a, scores = model(x)
    b, _ = model(x + 0.2 * torch.randn_like(x))
    pull = F.cross_entropy(a @ b.T / 0.2, torch.arange(len(x)))
    loss = F.cross_entropy(scores, state) + 0.1 * pull
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 56 == 55:
        right = (scores.argmax(1) == state).float().mean()
        print(f"{step + 1} loss {loss.item():.3f} right {right:.2f}")
