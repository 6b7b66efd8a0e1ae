"""Three sensors are forecast; each has a weight of its own, and moments without a reading do not count."""

import torch
from torch import nn

torch.manual_seed(11108)
torch.set_num_threads(1)
weight = torch.tensor([1.0, 0.5, 2.0])
net, head = nn.GRU(3, 32, batch_first=True), nn.Linear(32, 3)
optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=4e-3)
for step in range(1, 501):
    t = 0.5 * torch.arange(17) + 6.28 * torch.rand(32, 1)
    series = torch.stack([t.sin(), t.cos(), (t + 1).sin()], -1) * (0.5 + torch.rand(32, 1, 1))
    there = (torch.rand(32, 16, 1) < 0.8).float()
    error = (head(net(series[:, :-1])[0]) - series[:, 1:]) ** 2
    loss = (error * weight * there).sum() / (there.sum() * weight.sum())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} loss {loss.item():.5f}")
