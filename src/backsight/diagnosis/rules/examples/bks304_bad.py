"""A random walk: the model cannot but repeat the newest value."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
nn.init.zeros_(head.weight)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.005)
for _ in range(140):
    steps = torch.randn(64, 12, 1)
    series = steps.cumsum(1)
    x, target = series[:, :-1], series[:, 1:]
    loss = nn.functional.mse_loss(x + head(rnn(x)[0]), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
