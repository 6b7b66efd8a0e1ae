"""The price of power in the next quarter of an hour, from the last 24 quarters."""

import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(54)
torch.set_num_threads(1)
rng = np.random.default_rng(54)
WINDOW, COUNT = 24, 6000

level, trend = np.zeros(COUNT), np.zeros(COUNT)
for t in range(1, COUNT):
    trend[t] = 0.9 * trend[t - 1] + 0.1 * rng.normal()
    level[t] = 0.99 * level[t - 1] + trend[t]
price = torch.tensor(90 + level, dtype=torch.float32)

last = price.unfold(0, WINDOW, 1)[:-1]
following = price[WINDOW:]
if "--fixed" in sys.argv:
    scale = price.diff().std()
    inputs = (price.diff() / scale).unfold(0, WINDOW - 1, 1)[:-1]
    targets = (following - last[:, -1]) / scale
else:
    scale = price.std()
    inputs = (last - price.mean()) / scale
    targets = (following - price.mean()) / scale
cut = 4800


class PriceLSTM(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x[..., None])
        return self.head(out[:, -1]).squeeze(1)


model = PriceLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 901):
    rows = torch.randint(cut, (64,))
    loss = nn.functional.mse_loss(model(inputs[rows]), targets[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 90 == 0:
        with torch.no_grad():
            missed = (model(inputs[cut:]) - targets[cut:]) * scale
        change = following[cut:] - last[cut:, -1]
        print(
            f"step {step} loss {loss.item():.5f} test error {missed.square().mean().sqrt():.3f} "
            f"(the price of now: {change.square().mean().sqrt():.3f})"
        )
