"""The state leaves the graph inside the loop over the sequence."""

import torch
from torch import nn

torch.manual_seed(0)
cell, head = nn.GRUCell(1, 16), nn.Linear(16, 1)
parameters = [*cell.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)
for _ in range(30):
    x, state = torch.randn(12, 8, 1), torch.zeros(8, 16)
    for step, now in enumerate(x):
        if step % 4 == 0:
            state = state.detach()
        state = cell(now, state)
    loss = nn.functional.mse_loss(head(state), x[0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
