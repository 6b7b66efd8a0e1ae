"""AdamW keeps the decay apart from the gradient."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 2)
parameters = [*rnn.parameters(), *head.parameters()]
kind = torch.optim.AdamW
optimizer = kind(parameters, lr=0.01, weight_decay=0.01)
for _ in range(150):
    x = torch.randn(32, 5, 1)
    classes = (x[:, 0, 0] > 0).long()
    logits = head(rnn(x)[0][:, -1])
    loss = nn.functional.cross_entropy(logits, classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
