"""A recurrent layer of one's own takes its steps along the first dimension, like the built-in one. Here
the first dimension are the fields of a batch, so that each is read as what happened after the last."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6151)
torch.set_num_threads(1)


class RecurrentField(nn.Module):
    def __init__(self, cells=10, width=32, batch_first=False):
        super().__init__()
        self.batch_first = batch_first
        self.gates = nn.Linear(cells + width, 2 * width)
        self.new = nn.Linear(cells + width, width)
        self.width = width

    def forward(self, x):
        if self.batch_first:
            x = x.transpose(0, 1)
        h = x.new_zeros(x.size(1), self.width)
        outputs = []
        for step in x:
            z, r = torch.sigmoid(self.gates(torch.cat([step, h], 1))).chunk(2, 1)
            n = torch.tanh(self.new(torch.cat([step, r * h], 1)))
            h = z * h + (1 - z) * n
            outputs.append(h)
        outputs = torch.stack(outputs)
        return outputs.transpose(0, 1) if self.batch_first else outputs


class Radar(nn.Module):
    def __init__(self):
        super().__init__()
        self.field = RecurrentField(batch_first=FIXED)
        self.rain = nn.Linear(32, 10)

    def forward(self, frames):
        return self.rain(self.field(frames))


def drifting(n=16, t=14):
    """A cloud on a ring of ten cells that moves two cells a step, one way or the other."""
    way = torch.where(torch.rand(n, 1) < 0.5, 2, -2)
    centre = torch.randint(0, 10, (n, 1)) + way * torch.arange(t + 1)
    cells = torch.arange(10)
    apart = (cells - centre[..., None]) % 10
    apart = torch.minimum(apart, 10 - apart).float()
    frames = torch.exp(-(apart**2) / 2) + 0.1 * torch.randn(n, t + 1, 10)
    return frames[:, :-1], frames[:, 1:]


model = Radar()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(1, 301):
    frames, after = drifting()
    loss = nn.functional.mse_loss(model(frames)[:, 2:], after[:, 2:])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 60 == 0:
        print(f"{it:3d} {loss.item():.4f}")
