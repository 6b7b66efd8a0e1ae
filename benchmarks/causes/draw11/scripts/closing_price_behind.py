"""The next closing price, from the last twenty: prices go up and down about a slow drift."""

import sys

import torch
from torch import nn

torch.manual_seed(1154)
torch.set_num_threads(1)
RETURNS = "--fixed" in sys.argv


def prices(n=32, days=21):
    moves = [0.05 * torch.randn(n)]
    for _ in range(days - 1):
        moves.append(-0.85 * moves[-1] + 0.025 * torch.randn(n))
    level = 1.5 * torch.randn(n, 1)
    return level + torch.stack(moves, 1).cumsum(1)


def windows(price):
    if RETURNS:
        price = (price[:, 1:] - price[:, :-1]) / 0.05
    return price[:, :-1, None], price[:, -1]


class LSTMModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear_1 = nn.Linear(1, 24)
        self.lstm = nn.LSTM(24, 24, batch_first=True)
        self.linear_2 = nn.Linear(24, 1)

    def forward(self, x):
        x = torch.relu(self.linear_1(x))
        return self.linear_2(self.lstm(x)[0][:, -1]).squeeze(-1)


model = LSTMModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 541):
    x, y = windows(prices())
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 90 == 0:
        price = prices(500)
        x, y = windows(price)
        with torch.no_grad():
            error = (model(x) - y).square().mean() * (0.0025 if RETURNS else 1)
        behind = (price[:, -1] - price[:, -2]).square().mean()
        print(f"Epoch[{epoch}] loss {loss.item():.5f} error {error:.5f} day before {behind:.5f}")
