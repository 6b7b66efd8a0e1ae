"""One is added to the count before its logarithm is taken."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    rates = 3 * torch.rand(10, 8, 1)
    states, _ = rnn(rates)
    target = torch.log1p(torch.poisson(rates[-1]))
    loss = nn.functional.mse_loss(head(states[-1]), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
