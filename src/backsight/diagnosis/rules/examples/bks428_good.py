"""A_log has a group without decay."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)
A_log = nn.Parameter(torch.zeros(16))
model = nn.ModuleList([rnn, head, nn.ParameterDict({"A_log": A_log})])
weights = [*rnn.parameters(), *head.parameters()]
groups = [{"params": weights}, {"params": [A_log], "weight_decay": 0}]
optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1)
for _ in range(30):
    x = torch.randn(16, 10, 1)
    decay = torch.exp(-A_log.exp())
    states = rnn(x)[0][:, -1] + decay * x.mean(1)
    loss = nn.functional.mse_loss(head(states), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
