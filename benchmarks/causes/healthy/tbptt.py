"""Truncated training of a series whose windows follow on."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(7)
torch.set_num_threads(1)

rnn = nn.GRU(1, 24, batch_first=True)
head = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
phase, speed, state = 6 * torch.rand(16, 1), 0.1 + 0.3 * torch.rand(16, 1), None
losses = []
for i in range(300):
    x = torch.sin(speed * torch.arange(10 * i, 10 * i + 11) + phase)[..., None]
    out, state = rnn(x[:, :-1], state)
    state = state.detach()
    loss = functional.mse_loss(head(out), x[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
