"""The loss is a mean over the batch."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.5)
for _ in range(70):
    x = torch.randn(6, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.l1_loss(head(states[-1]), x[-1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
