"""A forecast of shares fitted its plot very well, one day late. It was asked for the price, most
of which is the price of the day before."""

import sys

import numpy as np
import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(432)
torch.set_num_threads(1)
rng = np.random.default_rng(432)

days = 1800
moves = np.zeros(days)
for d in range(2, days):
    moves[d] = 0.5 * moves[d - 1] - 0.55 * moves[d - 2] + rng.normal()
price = 500 + np.cumsum(moves)


def preprocess(values, step):
    windows = np.lib.stride_tricks.sliding_window_view(values, step + 1)
    windows = torch.tensor(windows.copy(), dtype=torch.float32)
    return windows[:, :-1, None], windows[:, -1:]


if FIXED:
    values = np.diff(price)
    values = values / values[:1200].std()
else:
    values = (price - price[:1200].min()) / (price[:1200].max() - price[:1200].min())
X, y = preprocess(values, 12)
trainX, trainY, testX, testY = X[:1200], y[:1200], X[1300:], y[1300:]


class StockModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTM(1, 24, batch_first=True)
        self.lstm2 = nn.LSTM(24, 16, batch_first=True)
        self.dense = nn.Linear(16, 1)

    def forward(self, x):
        x, _ = self.lstm1(x)
        x, _ = self.lstm2(x)
        return self.dense(x[:, -1])


model = StockModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(20):
    for rows in torch.randperm(1200).split(60):
        loss = nn.functional.mse_loss(model(trainX[rows]), trainY[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(testX), testY).item()
        naive = (testX[:, -1] - testY).pow(2).mean().item()
        zero = testY.pow(2).mean().item()
        print(
            f"Epoch {epoch + 1} loss {loss.item():.5f} test {error:.5f} last {naive:.5f} zero {zero:.5f}"
        )
