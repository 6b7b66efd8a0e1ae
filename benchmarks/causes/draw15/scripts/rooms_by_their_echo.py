"""Which room was a clap recorded in? Pre-trained on nine rooms, then tuned to five others."""

import sys

import torch
from torch import nn

torch.manual_seed(1513)
torch.set_num_threads(1)
FRAMES, BANDS = 16, 6


def rooms(n):
    """Each room lets each band of its echo fade, and ring, in its own way."""
    return torch.rand(n, 1, BANDS) * 0.5 + 0.45, torch.rand(n, 1, BANDS) * 2.5


def claps(kind, n):
    fade, ring = kind
    room = torch.randint(0, len(fade), (n,))
    t = torch.arange(FRAMES).view(1, -1, 1)
    echo = fade[room] ** t * torch.cos(ring[room] * t)
    return echo * (0.7 + 0.6 * torch.rand(n, 1, 1)) + 0.08 * torch.randn(n, FRAMES, BANDS), room


class EchoNet(nn.Module):
    def __init__(self, rooms, size=32):
        super().__init__()
        self.gru = nn.GRU(BANDS, size, batch_first=True)
        self.norm = nn.LayerNorm(size)
        self.fc = nn.Linear(size, rooms)

    def forward(self, echo):
        _, last = self.gru(echo)
        return self.fc(self.norm(last[-1]))


def train(model, optimizer, kind, steps, name):
    for step in range(1, steps + 1):
        echo, room = claps(kind, 32)
        loss = nn.functional.cross_entropy(model(echo), room)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 80 == 0:
            with torch.no_grad():
                echo, room = claps(kind, 400)
                right = (model(echo).argmax(-1) == room).float().mean()
            print(f"{name} step {step} loss {loss.item():.4f} right {right:.3f}")


old, new = rooms(9), rooms(5)
model = EchoNet(9)
train(model, torch.optim.Adam(model.parameters(), lr=4e-3), old, 240, "before")

model.gru.requires_grad_(False)
model.norm.requires_grad_(False)
if "--fixed" in sys.argv:
    model.fc = nn.Linear(model.fc.in_features, 5)
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-2)
else:
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-2)
    model.fc = nn.Linear(model.fc.in_features, 5)
train(model, optimizer, new, 320, "after")
