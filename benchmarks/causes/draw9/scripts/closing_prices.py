"""Closing prices of a share that moves in swings are forecast for the next day by an LSTM."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
rng = np.random.default_rng(9039)
torch.manual_seed(9039)
torch.set_num_threads(1)
SEQ_LEN = 20


def closing(n=2000):
    change = np.zeros(n)
    for t in range(3, n):
        change[t] = -0.7 * change[t - 2] + 0.3 * change[t - 1] + rng.normal(0, 0.5)
    swing = 30 * np.sin(np.arange(n) / 130) + 15 * np.sin(np.arange(n) / 47)
    return 300 + swing + np.cumsum(change + rng.normal(0, 0.1, n))


price = closing()
scaled = torch.tensor((price - price.mean()) / price.std(), dtype=torch.float32)
change = torch.tensor(np.diff(price, prepend=price[0]), dtype=torch.float32)
series = change / change.std() if FIXED else scaled
windows = series.unfold(0, SEQ_LEN, 1)[:-1]
target = series[SEQ_LEN:]


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.lstm(x[..., None])[0][:, -1])[:, 0]


model = LSTM()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
test = slice(1600, None)
for step in range(500):
    i = torch.randint(0, 1600, (32,))
    loss = nn.functional.mse_loss(model(windows[i]), target[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 99:
        with torch.no_grad():
            said = model(windows[test])
        unit = change.std() if FIXED else price.std()
        error = ((said - target[test]) * unit).square().mean().sqrt()
        last = change[SEQ_LEN:][test].square().mean().sqrt()
        print(
            f"{step + 1} loss {loss.item():.4f} error {error:.3f}, of yesterday's price {last:.3f}"
        )
