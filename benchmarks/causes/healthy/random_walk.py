"""A walk, of which the last value is the best forecast."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(3)
torch.set_num_threads(1)

rnn = nn.GRU(1, 24, batch_first=True)
head = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randn(32, 13, 1).cumsum(1) / 3
    loss = functional.mse_loss(head(rnn(x[:, :-1])[0][:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
