"""The last step of the output is read in both directions."""

import torch
from torch import nn

torch.manual_seed(0)
rnn = nn.LSTM(1, 16, batch_first=True, bidirectional=True)
head = nn.Linear(32, 1)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    output, (h, _) = rnn(x)
    ends = output[:, -1]
    loss = nn.functional.mse_loss(head(ends), x[:, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
