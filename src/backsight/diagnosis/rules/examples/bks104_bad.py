"""The weights of the input begin a thousand times too large."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
nn.init.normal_(rnn.weight_ih_l0, std=300)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    x = torch.randn(6, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[-1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
