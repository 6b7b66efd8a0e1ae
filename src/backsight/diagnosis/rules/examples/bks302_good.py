"""The targets are of the same sequences as the inputs."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 8), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(820):
    x = torch.randn(5, 8, 1)
    states, _ = rnn(x)
    target = x[-1]
    loss = (head(states[-1]) - target).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
