"""The model is shown 8 steps."""

import torch
from torch import nn

import backsight

torch.manual_seed(0)
rnn, head = nn.RNN(1, 16), nn.Linear(16, 1)
model = nn.ModuleList([rnn, head])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
test = torch.randn(16, 100, 1)
answer = test[-2] + test[-7]


def loss_of(x, target):
    """The squared error of what the last steps predict."""
    states, _ = rnn(x[-8:])
    return nn.functional.mse_loss(head(states[-1]), target)


with backsight.watch(model, optimizer, every=5, lag=6) as monitor:
    for iteration in range(150):
        x = torch.randn(16, 8, 1)
        loss = loss_of(x, x[-2] + x[-7])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % 30 == 29:
            with torch.no_grad():
                monitor.context(lambda c: loss_of(test[-c:], answer), 16)
