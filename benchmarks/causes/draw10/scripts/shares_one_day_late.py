"""Shares that swing with two tempos; windows of past closes go into an LSTM."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10054)
torch.set_num_threads(1)
step_size = 20 if FIXED else 1


def closes(n=32, days=21):
    t = torch.arange(days).float()
    slow = torch.sin(6.28 * torch.rand(n, 1) + 0.25 * t)
    quick = 0.6 * torch.sin(6.28 * torch.rand(n, 1) + 0.9 * t)
    return slow + quick + 0.03 * torch.randn(n, days)


def dataset(series):
    window = series[:, -1 - step_size : -1]
    return window.unsqueeze(-1), series[:, -1:]


class Stock(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


model = Stock()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(600):
    x, y = dataset(closes())
    guess = model(x)
    loss = nn.functional.mse_loss(guess, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        late = nn.functional.mse_loss(x[:, -1], y)
        print(f"epoch {epoch + 1} loss {loss.item():.4f} (the day before as it is: {late:.4f})")
