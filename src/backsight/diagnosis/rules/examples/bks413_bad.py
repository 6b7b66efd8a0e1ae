"""The final states of two layers are joined by view."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, 2, batch_first=True), nn.Linear(32, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    _, (h, _) = rnn(x)
    joined = h.view(16, 32)
    loss = nn.functional.mse_loss(head(joined), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
