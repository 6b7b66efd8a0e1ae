"""The last step is read, of all units."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(32, 10, 1)
    output, _ = rnn(x)
    loss = nn.functional.mse_loss(head(output[:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
