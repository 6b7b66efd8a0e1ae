"""With a momentum of 0.5 they settle."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.002, momentum=0.5)
x = torch.randn(6, 8, 1)
for _ in range(160):
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[-1] + 3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
