"""The output of the recurrent layer is detached from the graph."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(10, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1].detach()), x[-1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
