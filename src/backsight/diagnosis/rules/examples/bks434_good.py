"""Each step has the next batch."""

import torch
from torch import nn

torch.manual_seed(0)
waves = torch.sin(torch.rand(64, 1, 1) + torch.arange(11)[:, None] / 2)
rnn, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for step in range(40):
    start = 16 * step % 64
    x = waves[start : start + 16]
    loss = (head(rnn(x[:, :-1])[0][:, -1]) - x[:, -1]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
