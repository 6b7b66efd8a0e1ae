"""A constant feature is divided by its standard deviation, which is zero."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(2, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    x = torch.randn(10, 8, 2)
    x[..., 1] = 7.0
    normal = (x - x.mean((0, 1))) / x.std((0, 1))
    states, _ = rnn(normal)
    loss = nn.functional.mse_loss(head(states[-1]), normal[-1, :, :1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
