"""Sensor counts in the thousands went in as they were, and
the gates stood at their ends."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5)
torch.set_num_threads(1)


def batch(size=32, length=8):
    x = torch.randn(size, length, 2)
    return x, 2 * x[:, :, 0].mean(1, keepdim=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.rnn(x if FIXED else 3000 * x + 5000)[0][:, -1])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

criterion = nn.MSELoss()

losses = []
for _ in range(300):
    x, y = batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

print(f"final loss {sum(losses[-20:]) / 20:.4f}")
