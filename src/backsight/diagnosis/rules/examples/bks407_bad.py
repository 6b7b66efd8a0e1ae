"""A whole-number division turns every byte into 0."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    pixels = torch.randint(256, (10, 8, 1))
    states, _ = rnn(pixels // 256 - 0.5)
    loss = nn.functional.mse_loss(head(states[-1]), pixels[-1] / 256)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
