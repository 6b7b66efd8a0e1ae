"""The windows of a series were cut with a length of one by mistake. From the last value alone, the
best forecast is that value, and the curve of the forecasts lies one day behind."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6132)
torch.set_num_threads(1)
rng = np.random.default_rng(6132)

config = {"window_size": 16 if FIXED else 1, "lstm_size": 32, "learning_rate": 6e-3}


def close_prices(days=1400):
    swing = 0.0
    speed = 0.35
    prices = []
    for _ in range(days):
        speed += 0.01 * rng.normal()
        speed = min(max(speed, 0.28), 0.42)
        swing += speed
        prices.append(100 + 8 * np.sin(swing) + 0.15 * rng.normal())
    return np.array(prices)


prices = close_prices()
prices = (prices - prices.mean()) / prices.std()
w = config["window_size"]
windows = np.lib.stride_tricks.sliding_window_view(prices[:-1], w)
x = torch.tensor(windows.copy(), dtype=torch.float32)[..., None]
y = torch.tensor(prices[w:], dtype=torch.float32)


class LSTMModel(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.linear_1 = nn.Linear(1, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.linear_2 = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.linear_1(x))
        _, (h, _) = self.lstm(x)
        return self.linear_2(h[-1])[:, 0]


model = LSTMModel(config["lstm_size"])
optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
for epoch in range(8):
    loss_train = 0.0
    for bx, by in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(bx), by)
        loss.backward()
        optimizer.step()
        loss_train += loss.item() / len(loader)
    print(f"Epoch[{epoch + 1}/8] | loss train:{loss_train:.5f}")
