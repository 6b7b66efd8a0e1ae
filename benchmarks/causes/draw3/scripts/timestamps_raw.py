"""A flat line came out for every window: one of the columns was the time in seconds since 1970,
and saturated every unit."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(44)
torch.set_num_threads(1)
rng = np.random.default_rng(44)

hours = np.arange(2000)
stamp = 1_600_000_000 + 3600 * hours
temperature = 15 + 8 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 0.5, 2000)
pressure = 1013 + 4 * np.sin(2 * np.pi * hours / 170) + rng.normal(0, 0.3, 2000)
table = np.stack([stamp, temperature, pressure], axis=1)
goal = (temperature - temperature.mean()) / temperature.std()
if FIXED:
    table = (table - table.mean(0)) / table.std(0)
X = torch.tensor(np.stack([table[i : i + 24] for i in range(1970)]), dtype=torch.float32)
y = torch.tensor(goal[26:1996], dtype=torch.float32)
loader = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)


class Weather(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 48, num_layers=2, batch_first=True)
        self.fc = nn.Linear(48, 1)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1]).squeeze(-1)


model = Weather()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
mse = nn.MSELoss()
for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} mse {loss.item():.4f}")
