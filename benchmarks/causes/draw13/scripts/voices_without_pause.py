"""The loudness of a voice is followed through one long recording, window after window."""

import sys

import torch
from torch import nn

torch.manual_seed(1322)
torch.set_num_threads(1)
STREAMS, WINDOW = 8, 8


class Follower(nn.Module):
    def __init__(self, size=16):
        super().__init__()
        self.size = size
        self.cell = nn.GRUCell(1, size)
        self.out = nn.Linear(size, 1)

    def forward(self, window, h):
        levels = []
        for x in window.unbind(1):
            h = self.cell(x.unsqueeze(-1), h)
            levels.append(self.out(h))
        return torch.cat(levels, 1), h


def recording(length):
    voice = torch.randn(STREAMS, length)
    level, levels = torch.zeros(STREAMS), []
    for t in range(length):
        level = 0.8 * level + 0.2 * voice[:, t].abs()
        levels.append(level)
    return voice, torch.stack(levels, 1)


def train(steps=300):
    model = Follower()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    voice, level = recording(steps * WINDOW)
    h = torch.zeros(STREAMS, model.size)
    for step in range(steps):
        part = slice(step * WINDOW, (step + 1) * WINDOW)
        if "--fixed" in sys.argv:
            h = h.detach()
        predicted, h = model(voice[:, part], h)
        loss = (predicted - level[:, part]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 25 == 24:
            print(
                f"window {step + 1} loss {loss.item():.5f} of {level.var().item():.5f}", flush=True
            )


train()
