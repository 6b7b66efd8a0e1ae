"""Each batch has an optimizer of its own."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
for _ in range(50):
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    x = torch.randn(16, 10, 1)
    loss = nn.functional.mse_loss(head(rnn(x)[0][:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
