"""Wake words are learnt from features on a disk; several workers fetch the batches in turn."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9043)
rng = np.random.default_rng(9043)
torch.set_num_threads(1)
N_CPU, BATCH = 40, 16


def features(n):
    y = rng.integers(0, 2, n)
    x = rng.standard_normal((n, 16, 6)).astype(np.float32)
    for k in range(3):
        x[np.arange(n), 4 * k + 2, k] += 2.5 * y
    return x, y


class BatchGenerator:
    def __init__(self, data, counter=None):
        self.data = data
        self.data_counter = counter or [0]

    def __next__(self):
        x, y = self.data
        start = self.data_counter[0] * BATCH % len(x)
        self.data_counter[0] += 1
        return torch.tensor(x[start : start + BATCH]), torch.tensor(y[start : start + BATCH])


def loader(data, steps):
    shared = [0]
    workers = [BatchGenerator(data, shared if FIXED else None) for _ in range(N_CPU)]
    for i in range(steps):
        yield next(workers[i % N_CPU])


class WakeWord(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0].mean(1))[:, 0]


train, (test_x, test_y) = features(8000), features(500)
test_x, test_y = torch.tensor(test_x), torch.tensor(test_y).float()
model = WakeWord()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step, (x, y) in enumerate(loader(train, 400), 1):
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y.float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            held = nn.functional.binary_cross_entropy_with_logits(model(test_x), test_y)
        print(f"step {step}: loss {loss.item():.4f}, held out {held.item():.4f}")
