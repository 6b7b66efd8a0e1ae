"""All weights of the layer begin with the same number."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
for weights in parameters:
    nn.init.constant_(weights, 0.1)
optimizer = torch.optim.SGD(parameters, lr=0.001)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    loss = (head(rnn(x)[0][:, -1]) - x[:, -1]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
