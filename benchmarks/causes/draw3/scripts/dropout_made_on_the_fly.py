"""The validated error moved from call to call: the dropout layer was made inside forward, so that
eval never reached it."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(5)
torch.set_num_threads(1)
rng = np.random.default_rng(5)

t = np.arange(3000)
load = (
    np.sin(2 * np.pi * t / 24) + 0.4 * np.sin(2 * np.pi * t / 7) + 0.1 * rng.standard_normal(3000)
)
windows = np.lib.stride_tricks.sliding_window_view(load, 25).astype(np.float32)
X, Y = torch.from_numpy(windows[:, :24].copy())[..., None], torch.from_numpy(windows[:, 24:].copy())
train = DataLoader(TensorDataset(X[:2400], Y[:2400]), batch_size=64, shuffle=True)
valid = DataLoader(TensorDataset(X[2400:], Y[2400:]), batch_size=128)


class LoadForecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.drop = nn.Dropout(p=0.5)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        h = h.squeeze(0)
        h = self.drop(h) if FIXED else nn.Dropout(p=0.5)(h)
        return self.head(h)


net = LoadForecaster()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
mse = nn.MSELoss()
for epoch in range(8):
    net.train()
    for xb, yb in train:
        opt.zero_grad(set_to_none=True)
        loss = mse(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        error = sum(mse(net(xb), yb).item() * len(xb) for xb, yb in valid) / len(X[2400:])
    print(f"{epoch}: train {loss.item():.4f} valid {error:.4f}")
