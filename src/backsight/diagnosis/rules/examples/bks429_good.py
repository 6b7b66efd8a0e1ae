"""The negative log-likelihood is minimised."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 2)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.01)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    classes = (x[:, -1] > 0).long()
    log_p = head(rnn(x)[0][:, -1]).log_softmax(-1)
    loss = -log_p.gather(1, classes).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
