"""The target is the first of 41 inputs; the gradient does not get there."""

import torch
from torch import nn

import backsight

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
model = nn.ModuleList([rnn, head])
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
with backsight.watch(model, optimizer, every=5, lag=40):
    for _ in range(110):
        x = torch.randn(41, 8, 1)
        states, _ = rnn(x)
        loss = nn.functional.mse_loss(head(states[-1]), x[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
