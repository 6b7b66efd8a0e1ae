"""The learning rate falls for as long as the training lasts."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 8), nn.Linear(8, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 620)
x = torch.randn(5, 8, 1)
for _ in range(620):
    batch = x[:, torch.randperm(8)]
    states, _ = rnn(batch)
    loss = nn.functional.mse_loss(head(states[-1]), batch[0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
