"""The forecast of a price looked perfect and lay one day behind. Levels had been asked for, whose
best cheap answer is the last level; the changes could be foretold."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(10)
torch.set_num_threads(1)
rng = np.random.default_rng(10)

change = np.zeros(2500)
for i in range(1, 2500):
    change[i] = 0.6 * change[i - 1] + rng.standard_normal()
price = 100 + np.cumsum(change)
series = change / change.std() if FIXED else (price - price.mean()) / price.std()
lookback = 15
X = np.stack([series[i : i + lookback] for i in range(len(series) - lookback)])
y = series[lookback:]
X = torch.tensor(X, dtype=torch.float32).unsqueeze(-1)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(-1)
loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=50, shuffle=True)


class StockLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


model = StockLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()
for epoch in range(12):
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test = criterion(model(X[2000:]), y[2000:]).item()
        last = criterion(X[2000:, -1], y[2000:]).item()
    print(f"epoch {epoch} test {test:.5f}, the last value {last:.5f}")
