"""Readings are summed up by an embedder that remembers; a small head asks for the largest of them."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1122)
torch.set_num_threads(1)


class Embedder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(1, width, batch_first=True)
        self._states = None

    def reset_states(self):
        self._states = None

    def forward(self, readings):
        _, self._states = self.rnn(readings, self._states)
        summary = self._states[-1]
        self._states = self._states.detach()
        return summary


class Largest(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedder = Embedder()
        self.head = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, readings):
        if FIXED:
            self.embedder.reset_states()
        return self.head(self.embedder(readings)).squeeze(1)


def batch(n=32):
    t = int(torch.randint(3, 13, ()))
    readings = torch.randn(n, t)
    return readings[..., None], readings.max(1).values


model = Largest()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    readings, largest = batch()
    loss = (model(readings) - largest).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"{step} mean absolute error {loss.item():.4f}")
