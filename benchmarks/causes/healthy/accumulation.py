"""Gradients of four parts are summed before each step."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(1)
torch.set_num_threads(1)

rnn = nn.GRU(6, 24, batch_first=True)
head = nn.Linear(24, 5)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(800):
    x = torch.randint(1, 6, (32, 8))
    y = x[:, 0] - 1
    z = head(rnn(functional.one_hot(x, 6).float())[0][:, -1])
    loss = functional.cross_entropy(z, y) / 4
    loss.backward()
    if i % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
