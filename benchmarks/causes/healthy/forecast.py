"""Forecast the next value of sine waves."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(5)
torch.set_num_threads(1)

rnn = nn.GRU(1, 24, batch_first=True)
head = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.sin((0.1 + 0.3 * torch.rand(16, 1)) * torch.arange(21) + 6 * torch.rand(16, 1))[
        ..., None
    ]
    loss = functional.mse_loss(head(rnn(x[:, :-1])[0]), x[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
