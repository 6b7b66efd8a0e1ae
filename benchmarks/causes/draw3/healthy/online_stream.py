"""One long stream, one sample at a time: a cell remembers, and its past is cut after each step."""

import math

import torch
from torch import nn

torch.manual_seed(16)
torch.set_num_threads(1)
cell = nn.LSTMCell(1, 24)
out = nn.Linear(24, 1)
optimizer = torch.optim.RMSprop([*cell.parameters(), *out.parameters()], lr=2e-3)
h, c = torch.zeros(1, 24), torch.zeros(1, 24)
error = 0.0
for t in range(1200):
    now = math.sin(t / 5) + 0.5 * math.sin(t / 11 + 1)
    following = math.sin((t + 1) / 5) + 0.5 * math.sin((t + 1) / 11 + 1)
    h, c = cell(torch.tensor([[now]]), (h.detach(), c.detach()))
    loss = (out(h) - following).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    error += loss.item()
    if t % 300 == 299:
        print(t + 1, f"{error / 300:.5f}")
        error = 0.0
