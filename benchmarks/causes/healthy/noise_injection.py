"""Noise on the input."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(1)
torch.set_num_threads(1)

rnn = nn.LSTM(2, 24, batch_first=True)
head = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randn(32, 8, 2)
    y = 2 * x[:, :, 0].mean(1, keepdim=True)
    z = head(rnn(x + 0.1 * torch.randn_like(x))[0][:, -1])
    loss = functional.mse_loss(z, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
