"""The forecast was always the mean. Outputs were a column and targets a row, so
that each output was compared with all targets."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(3)
torch.set_num_threads(1)


def batch(size=32, length=8):
    x = torch.randn(size, length, 2)
    return x, 2 * x[:, :, 0].mean(1, keepdim=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses = []
for _ in range(300):
    x, y = batch()
    z = model(x)
    y = y if FIXED else y[:, 0]
    loss = ((z - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
