"""With a gain of 2 the gradient grows at every step on its way back."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16, nonlinearity="relu"), nn.Linear(16, 1)
nn.init.orthogonal_(rnn.weight_hh_l0, gain=2.0)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
for _ in range(30):
    x = torch.randn(40, 8, 1)
    states, _ = rnn(x)
    loss = nn.functional.mse_loss(head(states[-1]), x[0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
