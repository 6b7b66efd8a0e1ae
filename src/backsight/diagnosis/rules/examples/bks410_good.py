"""Gradients of two batches add up on purpose, and are zeroed after each step."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
for batch in range(60):
    x = torch.randn(16, 10, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[:, -1]), x[:, -1])
    (loss / 2).backward()
    if batch % 2:
        optimizer.step()
        optimizer.zero_grad()
