"""Measurements at irregular times: between two of them the state follows a learned equation in
small steps, at each of them a gate lets the new value in."""

import torch
from torch import nn

torch.manual_seed(2)
torch.set_num_threads(1)


class GRUODE(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.flow = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, size))
        self.jump = nn.GRUCell(1, size)
        self.read = nn.Linear(size, 1)

    def evolve(self, h, dt):
        for _ in range(4):
            h = h + dt / 4 * self.flow(h)
        return h

    def forward(self, values, gaps):
        h = values.new_zeros(values.size(0), self.size)
        guesses = []
        for t in range(values.size(1)):
            h = self.evolve(h, gaps[:, t : t + 1])
            guesses.append(self.read(h))
            h = self.jump(values[:, t : t + 1], h)
        return torch.cat(guesses, 1)


def swings(n=32, steps=10):
    gaps = 0.1 + 0.7 * torch.rand(n, steps)
    phase = gaps.cumsum(1) + 6.28 * torch.rand(n, 1)
    return torch.sin(phase), gaps


model = GRUODE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.995)
for i in range(300):
    values, gaps = swings()
    loss = (model(values, gaps) - values)[:, 3:].pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.4f}")
