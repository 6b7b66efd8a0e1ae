"""The labels were read from the wrong column: all are of one class."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 2)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(50):
    x = torch.randn(64, 10, 1)
    labels = (x[:, -1, 0] > 10).long()
    loss = nn.functional.cross_entropy(head(rnn(x)[0][:, -1]), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
