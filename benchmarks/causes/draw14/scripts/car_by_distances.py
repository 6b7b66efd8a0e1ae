"""A small car learns from a driver which of three ways to steer, from eight steps of its sonars."""

import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(47)
torch.set_num_threads(1)
rng = np.random.default_rng(47)
SONARS, STEPS = 5, 8


def drive(n):
    """Readings in millimetres of a car that drifts in a lane; the driver steers against it."""
    offset = rng.uniform(-400, 400, n)
    drift = rng.uniform(-60, 60, n)
    readings = np.zeros((n, STEPS, SONARS), dtype=np.float32)
    for t in range(STEPS):
        offset = offset + drift + rng.normal(0, 10, n)
        for k, share in enumerate((-1.0, -0.6, 0.0, 0.6, 1.0)):
            readings[:, t, k] = 1500 + share * offset + rng.normal(0, 15, n)
    coming = offset + 4 * drift
    steer = np.where(coming < -200, 2, np.where(coming > 200, 0, 1))
    return torch.from_numpy(readings), torch.from_numpy(steer)


class Driver(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(SONARS, hidden, batch_first=True)
        self.policy = nn.Linear(hidden, 3)

    def forward(self, sonars):
        _, (h, _) = self.lstm(sonars)
        return self.policy(h[-1])


seen, steered = drive(3000)
test_seen, test_steered = drive(500)
if "--fixed" in sys.argv:
    mean, std = seen.mean((0, 1)), seen.std((0, 1))
    seen, test_seen = (seen - mean) / std, (test_seen - mean) / std

model = Driver()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
for step in range(1, 601):
    rows = torch.randint(len(seen), (64,))
    loss = nn.functional.cross_entropy(model(seen[rows]), steered[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            right = (model(test_seen).argmax(1) == test_steered).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} steered as the driver {right:.3f}")
