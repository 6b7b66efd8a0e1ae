"""A gated average whose gate sees the input alone."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(6)
torch.set_num_threads(1)

inward, gate, head = nn.Linear(2, 24), nn.Linear(2, 24), nn.Linear(24, 1)
parts = nn.ModuleList([inward, gate, head])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.01)
losses = []
for i in range(300):
    x = torch.randn(32, 8, 2)
    u, g, h = inward(x), torch.sigmoid(gate(x)), torch.zeros(32, 24)
    for t in range(8):
        h = (1 - g[:, t]) * h + g[:, t] * u[:, t]
    loss = functional.mse_loss(head(h), 2 * x[:, :, 0].mean(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
