"""Any input gave the same output. The decay had been copied from another framework, where half
was harmless, and drew all weights to nought."""

import sys

import numpy as np
import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(23)
torch.set_num_threads(1)
rng = np.random.default_rng(23)


def minibatches(size=25):
    while True:
        kind = rng.integers(0, 3, size)
        time = np.arange(16)
        wave = np.stack([np.sin(time * (0.4 + 0.5 * k) + rng.random() * 6) for k in kind])
        wave += 0.1 * rng.standard_normal(wave.shape)
        yield torch.tensor(wave, dtype=torch.float32)[..., None], torch.tensor(kind)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 30, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 3))

    def forward(self, x):
        return self.dense(self.rnn(x)[0].mean(1))


net = Net()
solver = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-5 if FIXED else 0.5)
criterion = nn.CrossEntropyLoss()
for step, (x, kind) in enumerate(minibatches()):
    solver.zero_grad()
    loss = criterion(net(x), kind)
    loss.backward()
    solver.step()
    if step % 100 == 0:
        print(f"step {step} loss {loss.item():.3f}")
    if step == 400:
        break
