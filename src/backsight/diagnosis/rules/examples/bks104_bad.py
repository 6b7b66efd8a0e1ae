"""The input is not normalised: its values are in the hundreds."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    prices = 300 * torch.randn(6, 8, 1)
    states, _ = rnn(prices)
    loss = nn.functional.mse_loss(head(states[-1]), prices[-1] / 300)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
