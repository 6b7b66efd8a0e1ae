"""The limit came after the weights had moved already, and did nothing.
Training jumped as if there were none."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6)
torch.set_num_threads(1)


def batch():
    x = torch.randn(32, 12, 2)
    return x, 4 * x[:, :, 0].sum(1, keepdim=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.MSELoss()

losses = []
for _ in range(300):
    x, y = batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
