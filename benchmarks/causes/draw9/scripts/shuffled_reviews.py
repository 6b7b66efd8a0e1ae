"""Polarity of short reviews by convolutions over words, in batches from an iterator."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
rng = np.random.default_rng(9042)
torch.manual_seed(9042)
torch.set_num_threads(1)


def load_data(n=4000, length=14):
    y = rng.integers(0, 2, n)
    x = rng.integers(0, 60, (n, length))
    at = rng.integers(0, length - 1, n)
    x[np.arange(n), at] = np.where(y == 1, 3, 5)
    x[np.arange(n), at + 1] = np.where(y == 1, 7, 9)
    return x, y


def batch_iter(x, y, batch_size, num_epochs):
    for _ in range(num_epochs):
        shuffle_indices = rng.permutation(np.arange(len(x)))
        shuffled_x = x[shuffle_indices]
        shuffled_y = y[shuffle_indices] if FIXED else y
        for start in range(0, len(x), batch_size):
            end = start + batch_size
            yield torch.tensor(shuffled_x[start:end]), torch.tensor(shuffled_y[start:end])


class TextCNN(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.embed = nn.Embedding(60, width)
        self.convs = nn.ModuleList([nn.Conv1d(width, 16, k) for k in (2, 3)])
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        e = self.embed(x).transpose(1, 2)
        return self.out(torch.cat([c(e).relu().amax(2) for c in self.convs], 1))


cnn = TextCNN()
optimizer = torch.optim.Adam(cnn.parameters(), lr=3e-3)
for step, (x, y) in enumerate(batch_iter(*load_data(), 40, 5), 1):
    loss = nn.functional.cross_entropy(cnn(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step}, loss {loss.item():.5g}")
