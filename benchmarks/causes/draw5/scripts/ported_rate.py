"""A port from another framework kept the number 0.95 for the dropout; there it was what is kept,
here it is what is dropped."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5134)
torch.set_num_threads(1)

config = {"keep_prob": 0.95, "hidden": 32, "classes": 5}


class Ported(nn.Module):
    def __init__(self, keep_prob, hidden, classes):
        super().__init__()
        p = 1 - keep_prob if FIXED else keep_prob
        self.encoder = nn.GRU(8, hidden)
        self.regularise = nn.Dropout(p)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, signal):
        _, h = self.encoder(signal)
        return self.classify(self.regularise(h.squeeze(0)))


def signals(n=32, t=12):
    y = torch.randint(0, 5, (n,))
    clock = torch.arange(t)[:, None, None]
    wave = torch.sin(clock * (0.3 + 0.25 * y[None, :, None]) + torch.rand(1, n, 8) * 3)
    return wave + 0.2 * torch.randn(t, n, 8), y


model = Ported(**config)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for i in range(500):
    signal, y = signals()
    loss = nn.functional.cross_entropy(model(signal), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        print(f"{i + 1:4d} {loss.item():.4f}")
