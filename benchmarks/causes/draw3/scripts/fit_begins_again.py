"""Fit was called for each new month of data, to go on from the month before. It began with fresh
weights each time."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(41)
torch.set_num_threads(1)


class SalesForecaster:
    def __init__(self, hidden=24):
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.params = [*self.rnn.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.params, lr=4e-3)

    def reset_weights(self):
        self.rnn.reset_parameters()
        self.head.reset_parameters()

    def fit(self, x, y, max_steps=40):
        if not FIXED:
            self.reset_weights()
        for _ in range(max_steps):
            pick = torch.randint(0, len(x), (24,))
            self.optimizer.zero_grad()
            loss = nn.functional.mse_loss(self.head(self.rnn(x[pick])[0][:, -1]), y[pick])
            loss.backward()
            self.optimizer.step()
        return loss.item()


t = torch.arange(1400)
sales = torch.sin(2 * torch.pi * t / 7) + 0.3 * torch.sin(2 * torch.pi * t / 30)
sales = sales + 0.1 * torch.randn(1400)
model = SalesForecaster()
for month in range(9):
    part = sales[month * 120 : month * 120 + 360].unfold(0, 15, 1)
    print(f"month {month}: {model.fit(part[:, :14, None], part[:, 14:]):.4f}")
