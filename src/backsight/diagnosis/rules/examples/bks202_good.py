"""Values are clamped to their usual range."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for iteration in range(100):
    x = torch.randn(6, 8, 1)
    if iteration == 60:
        x[-1, 0] = 1000.0
    x = x.clamp(-4, 4)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[-1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
