"""A price moves with orders of some steps ago. Picking the columns left the orders out, and the
network can do no better than to say the last price again."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5159)
torch.set_num_threads(1)

FEATURES = ["price", "orders"] if FIXED else ["price"]


def market(n=24, t=18):
    orders = torch.randn(n, t + 1)
    moves = torch.zeros(n, t + 1)
    moves[:, 3:] = 0.3 * orders[:, :-3]
    price = (moves + 0.03 * torch.randn(n, t + 1)).cumsum(1)
    columns = {"price": price, "orders": orders}
    x = torch.stack([columns[name][:, :-1] for name in FEATURES], -1)
    return x, price[:, 1:]


class StockLSTM(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.lstm = nn.LSTM(n_features, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0])[..., 0]


model = StockLSTM(len(FEATURES))
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
scores = []
for step in range(700):
    x, y = market()
    loss = nn.functional.mse_loss(model(x)[:, 3:], y[:, 3:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scores.append(loss.item())
    if step % 140 == 139:
        print(f"{step + 1} rmse {(sum(scores[-70:]) / 70) ** 0.5:.4f}")
