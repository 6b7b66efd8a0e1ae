"""A drawing is read pixel by pixel; a mark in one of four colours in its first rows names the artist."""

import sys

import torch
from torch import nn

torch.manual_seed(1355)
torch.set_num_threads(1)
LENGTH, ARTISTS = 80, 4


class PixelReader(nn.Module):
    def __init__(self, cell, size=40):
        super().__init__()
        self.rnn = cell(ARTISTS + 1, size, batch_first=True)
        self.artist = nn.Linear(size, ARTISTS)

    def forward(self, pixels):
        out, _ = self.rnn(pixels)
        return self.artist(out[:, -1])


def drawings(n=48):
    artist = torch.randint(0, ARTISTS, (n,))
    pixels = torch.zeros(n, LENGTH, ARTISTS + 1)
    pixels[..., -1] = 0.5 * torch.randn(n, LENGTH)
    pixels[torch.arange(n), torch.randint(0, 5, (n,)), artist] = 1.0
    return pixels, artist


model = PixelReader(nn.GRU if "--fixed" in sys.argv else nn.RNN)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 501):
    pixels, artist = drawings()
    loss = nn.functional.cross_entropy(model(pixels), artist)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            pixels, artist = drawings(400)
            acc = (model(pixels).argmax(1) == artist).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} artists right {acc:.3f}")
