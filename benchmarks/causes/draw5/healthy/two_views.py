"""Contrast: two noisy views of a signal find each other among the others of the batch."""

import torch
from torch import nn

torch.manual_seed(5210)
torch.set_num_threads(1)

encoder = nn.GRU(2, 32, batch_first=True)
projector = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 16))
optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=3e-3)


def signals(n=32, t=12):
    clock = torch.arange(t)[None, :, None]
    speed = 0.2 + torch.rand(n, 1, 2)
    return torch.sin(speed * clock + torch.rand(n, 1, 2) * 6.28)


def view(x):
    return x * (0.8 + 0.4 * torch.rand(len(x), 1, 1)) + 0.1 * torch.randn_like(x)


def embed(x):
    return nn.functional.normalize(projector(encoder(x)[1][0]), dim=1)


for step in range(300):
    x = signals()
    both = torch.cat([embed(view(x)), embed(view(x))])
    scores = both @ both.T / 0.2
    scores = scores.masked_fill(torch.eye(64, dtype=torch.bool), -1e9)
    partner = (torch.arange(64) + 32) % 64
    loss = nn.functional.cross_entropy(scores, partner)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"{step + 1} {loss.item():.3f}")
