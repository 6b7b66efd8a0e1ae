"""Frames of a noisy spectrum: convolutions, a bidirectional GRU and a mask for each frame."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8112)
torch.set_num_threads(1)


class Mask(nn.Module):
    def __init__(self, bins=6, width=24):
        super().__init__()
        self.conv = nn.Conv1d(bins, width, 1)
        self.rnn = nn.GRU(width, width, bidirectional=True, batch_first=FIXED)
        self.fcs = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, spec):
        x = self.conv(spec.transpose(1, 2)).relu().transpose(1, 2)
        x = self.rnn(x)[0]
        return self.fcs(x)[..., 0]


def noisy(n=16, t=22):
    spec = torch.randn(n, t, 6)
    before = torch.roll(spec[..., 0], 2, 1)
    before[:, :2] = 0
    after = torch.roll(spec[..., 1], -2, 1)
    after[:, -2:] = 0
    return spec, (before + after > 0).float()


net = Mask()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
criterion = nn.BCEWithLogitsLoss()
for it in range(350):
    spec, mask = noisy()
    loss = criterion(net(spec), mask)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 50 == 49:
        print(f"[{it + 1}] {loss.item():.3f}")
