"""All that was learned was to move the curve by one step. The window held
a single moment of the series."""

import sys

import torch
from torch import nn
from torch.nn import functional

FIXED = "--fixed" in sys.argv
torch.manual_seed(6)
torch.set_num_threads(1)

rnn = nn.LSTM(1, 24, batch_first=True)
head = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for _ in range(300):
    x = torch.randn(32, 14, 1).cumsum(1) / 3
    trend = x[:, -2] + 0.9 * (x[:, -2] - x[:, -6])
    seen = x[:, :-1] if FIXED else x[:, -2:-1]
    loss = functional.mse_loss(head(rnn(seen)[0][:, -1]), trend)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
