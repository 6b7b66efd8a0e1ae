"""Weights and gradients of the recurrent layer grew without end: only the gradients of the last
layer were cleared."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(24)
torch.set_num_threads(1)


class Counter(nn.Module):
    """How many ones are in the sequence?"""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 16)
        self.linear = nn.Linear(16, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[-1])


model = Counter()
criterion = nn.MSELoss()
lr = 0.02
for i in range(300):
    x = (torch.rand(10, 20, 1) < 0.4).float()
    y = x.sum(0) / 10
    if FIXED:
        model.zero_grad()
    else:
        model.linear.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.4f}")
