"""From one iteration to the next, sequences become ten times as long."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.05)
for iteration in range(220):
    x = torch.randn(4 if iteration < 130 else 40, 32, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
