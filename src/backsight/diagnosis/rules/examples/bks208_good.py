"""In iteration 46 the recurrent layer keeps its rate."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16, nonlinearity="relu"), nn.Linear(16, 1)
groups = [{"params": rnn.parameters()}, {"params": head.parameters()}]
optimizer = torch.optim.SGD(groups, lr=0.002)
for step in range(48):
    x = torch.randn(10, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x.mean(0) + x[-1])
    optimizer.zero_grad()
    loss.backward()
    if step == 46:
        groups[0]["lr"] = 0.002
    optimizer.step()
