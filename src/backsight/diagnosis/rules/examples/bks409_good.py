"""The optimizer has the parameters of both parts."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(40):
    x = torch.randn(16, 10, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
