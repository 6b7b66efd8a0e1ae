"""The model returns logits."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 2)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    states, _ = rnn(x)
    answers = (x[:, -1, 0] > 0).long()
    loss = nn.functional.cross_entropy(head(states[:, -1]), answers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
