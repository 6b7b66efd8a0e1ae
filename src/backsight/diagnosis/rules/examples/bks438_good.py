"""The weights are in float32, and their steps large enough."""

import torch
from torch import nn

torch.manual_seed(0)
kind = torch.float32
rnn = nn.GRU(1, 16, batch_first=True).to(kind)
head = nn.Linear(16, 1).to(kind)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.05)
for _ in range(140):
    x = torch.randn(16, 10, 1)
    y = 0.5 * x[:, -1]
    result = head(rnn(x.to(kind))[0][:, -1])
    loss = nn.functional.mse_loss(result.float(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
