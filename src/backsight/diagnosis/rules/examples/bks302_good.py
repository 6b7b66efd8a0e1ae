"""Outputs and targets have the same shape."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 8), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(820):
    x = torch.randn(5, 8, 1)
    states, _ = rnn(x)
    output, target = head(states[-1]), x[-1, :, 0]
    loss = (output.squeeze(-1) - target).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
