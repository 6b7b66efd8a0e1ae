"""A chaotic series was to be foretold 10 steps ahead. The two slices had been exchanged, so that
the net was asked for what it had read 10 steps before."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(420)
torch.set_num_threads(1)
predict_length = 10


def mackey_glass(count, tau=17, seed=0):
    rng = np.random.default_rng(seed)
    past = list(1.2 + 0.2 * (rng.random(tau + 1) - 0.5))
    for _ in range(count + 200):
        x, old = past[-1], past[-tau - 1]
        past.append(x + 0.2 * old / (1 + old**10) - 0.1 * x)
    return np.array(past[-count:])


series = np.stack([mackey_glass(110, seed=s) for s in range(160)])
series = np.exp(-series[..., None])
X = series[:, :-predict_length] if FIXED else series[:, predict_length:]
Y = series[:, predict_length:] if FIXED else series[:, :-predict_length]
mean, std = X.mean(), X.std()
X, Y = (torch.tensor((a - mean) / std, dtype=torch.float32) for a in (X, Y))
future_in = torch.tensor((series[128:, :-predict_length] - mean) / std, dtype=torch.float32)
future_out = torch.tensor((series[128:, predict_length:] - mean) / std, dtype=torch.float32)


class Predictor(nn.Module):
    def __init__(self, units=40):
        super().__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0])


model = Predictor()
loader = DataLoader(TensorDataset(X[:128], Y[:128]), batch_size=16, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.MSELoss()
for epoch in range(30):
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 6 == 5:
        with torch.no_grad():
            ahead = loss_fn(model(future_in)[:, 20:], future_out[:, 20:]).item()
        print(f"epoch {epoch + 1} loss {loss.item():.5f} ten steps ahead {ahead:.4f}")
