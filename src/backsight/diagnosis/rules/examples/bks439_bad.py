"""The weights of the read-out have a deviation of 8."""

import torch
from torch import nn

torch.manual_seed(0)
rnn = nn.GRU(1, 32, batch_first=True)
head = nn.Linear(32, 8)
nn.init.normal_(head.weight, std=8)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(40):
    x = torch.randn(16, 10, 1)
    classes = (4 + 2 * x[:, -1, 0]).long().clamp(0, 7)
    logits = head(rnn(x)[0][:, -1])
    loss = nn.functional.cross_entropy(logits, classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
