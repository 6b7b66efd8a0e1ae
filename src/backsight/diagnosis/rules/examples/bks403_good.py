"""The threshold is a few times the usual norm of the gradient."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.1)
for _ in range(110):
    x = torch.randn(10, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[-1])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 5.0)
    optimizer.step()
