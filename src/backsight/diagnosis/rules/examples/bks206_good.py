"""Under a smaller recurrent matrix neither states nor gradients grow."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16, nonlinearity="relu"), nn.Linear(16, 2)
rnn.weight_hh_l0.data = 0.9 * torch.eye(16)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=1e-4)
for iteration in range(125):
    x = torch.rand(6 if iteration < 115 else 40, 8, 1)
    states, _ = rnn(x)
    label = (x[0, :, 0] > 0.5).long()
    loss = nn.functional.cross_entropy(head(states[-1]), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
