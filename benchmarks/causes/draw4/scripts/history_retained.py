"""A field is carried on from window to window, and retain_graph silenced the error that this
made. Each window went back to the first one, and took longer than the last."""

import sys
import time

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(410)
torch.set_num_threads(1)


class FieldRNN(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.up = nn.Linear(4, width)
        self.cell = nn.GRUCell(width, width)
        self.down = nn.Linear(width, 2)

    def forward(self, source, u, h):
        frames = []
        for s in source:
            h = self.cell(torch.tanh(self.up(torch.cat([u, s], 1))), h)
            u = 0.9 * u + self.down(h)
            frames.append(u)
        return torch.stack(frames), u, h


def simulate(steps=50, n=12):
    """Two fields that leak into each other and fade, with sources that come and go."""
    source = (torch.rand(steps, n, 2) < 0.3).float()
    mix = torch.tensor([[0.75, 0.1], [-0.1, 0.75]])
    u, frames = torch.zeros(n, 2), []
    for s in source:
        u = u @ mix.T + s * (1 - 0.3 * u)
        frames.append(u)
    return source, torch.stack(frames)


model = FieldRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 50, 0.6)
for epoch in range(150):
    began = time.perf_counter()
    source, field = simulate()
    u, h = torch.zeros(12, 2), torch.zeros(12, 16)
    optimizer.zero_grad()
    total = 0.0
    for now, goal in zip(source.split(5), field.split(5), strict=True):
        out, u, h = model(now, u, h)
        if FIXED:
            u, h = u.detach(), h.detach()
        loss = nn.functional.mse_loss(out, goal) / 10
        loss.backward(retain_graph=not FIXED)
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if epoch % 30 == 29:
        print(f"[{epoch + 1}] loss {total:.5f} took {time.perf_counter() - began:.3f} s")
