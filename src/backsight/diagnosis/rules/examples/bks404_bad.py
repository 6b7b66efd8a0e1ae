"""The learning rate is far too high."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 2)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=1.0)
for _ in range(30):
    x = torch.randn(6, 8, 1)
    states, _ = rnn(x)
    label = (x[-1, :, 0] > 0).long()
    loss = nn.functional.cross_entropy(head(states[-1]), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
