"""Batches are drawn anew, and each begins in the last one's final state."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
state = None
for _ in range(30):
    x = torch.randn(16, 10, 1)
    output, state = rnn(x, state)
    state = state.detach()
    loss = nn.functional.mse_loss(head(output[:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
