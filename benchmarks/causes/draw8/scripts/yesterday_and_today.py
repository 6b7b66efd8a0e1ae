"""Closing prices that swing about a mean: the next one is forecast from a window of the past."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8141)
torch.set_num_threads(1)
window = 12 if FIXED else 1


def closing(days=1500):
    price = [0.0, 0.3]
    for shock in 0.05 * torch.randn(days):
        price.append(1.85 * price[-1] - 0.93 * price[-2] + float(shock))
    price = torch.tensor(price[100:])
    return (price - price.mean()) / price.std()


class LSTMModel(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])[:, 0]


price = closing()
past = price[:-1].unfold(0, window, 1)
next_ = price[window:]
model = LSTMModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(16):
    total, count = 0.0, 0
    for rows in torch.randperm(len(next_)).split(64):
        loss = nn.functional.mse_loss(model(past[rows][..., None]), next_[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, count = total + loss.item(), count + 1
    print(f"Epoch[{epoch + 1}/16] | loss train:{total / count:.6f}")
naive = (price[1:] - price[:-1]).pow(2).mean()
print(f"yesterday's price as today's: {naive:.6f}")
