"""The schedule lowers the learning rate."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
for _ in range(90):
    x = torch.randn(10, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), torch.randn(8, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
