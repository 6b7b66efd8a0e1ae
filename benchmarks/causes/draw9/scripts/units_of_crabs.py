"""Waveforms of spikes are sorted into units; each recording has some of the units only."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
rng = np.random.default_rng(9005)
torch.manual_seed(9005)
torch.set_num_threads(1)
UNITS = np.array(["A", "B", "C", "D", "X"])
STEPS = 24


def waveform(unit):
    t = np.arange(STEPS)
    k = "ABCDX".index(unit)
    shape = np.sin(2 * np.pi * t * (k + 1) / STEPS) * np.exp(-t / (6 + 3 * k))
    return shape + 0.25 * rng.standard_normal(STEPS)


def load_recording(n=60):
    present = rng.choice(UNITS, size=rng.integers(2, 4), replace=False)
    names = rng.choice(present, size=n)
    spikes = np.stack([waveform(u) for u in names])
    if FIXED:
        labels = np.searchsorted(UNITS, names)
    else:
        labels = np.unique(names, return_inverse=True)[1]
    return spikes, labels


parts = [load_recording() for _ in range(16)]
spikes = torch.tensor(np.concatenate([p[0] for p in parts]), dtype=torch.float32)
labels = torch.tensor(np.concatenate([p[1] for p in parts]))


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, len(UNITS))

    def forward(self, x):
        return self.out(self.rnn(x[..., None])[0].mean(1))


model = Sorter()
optim = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(500):
    take = torch.randint(0, len(spikes), (48,))
    loss = nn.functional.cross_entropy(model(spikes[take]), labels[take])
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 100 == 99:
        with torch.no_grad():
            right = (model(spikes).argmax(1) == labels).float().mean()
        print(f"step {step + 1}, loss {loss.item():.3f}, accuracy {right:.3f}")
