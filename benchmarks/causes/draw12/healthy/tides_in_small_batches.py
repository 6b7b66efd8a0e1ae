"""Tides are forecast; eight rows at a time go through the net and four such batches make an update."""

import torch
from torch import nn

torch.manual_seed(1231)
torch.set_num_threads(1)
PARTS = 4


class Tides(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.ahead = nn.Linear(size, 1)

    def forward(self, level):
        return self.ahead(self.gru(level.unsqueeze(-1))[0][:, -1]).squeeze(-1)


def tides(n=8, steps=24):
    t = torch.arange(steps + 3.0)
    moon = torch.rand(n, 1) * 6.28
    level = torch.sin(0.5 * t + moon) + 0.4 * torch.sin(0.93 * t + 2 * moon)
    return level[:, :steps] + 0.02 * torch.randn(n, steps), level[:, -1]


net = Tides()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
optimizer.zero_grad()
running = 0.0
for batch in range(1, 1201):
    level, later = tides()
    loss = nn.functional.mse_loss(net(level), later) / PARTS
    loss.backward()
    running += loss.item()
    if batch % PARTS == 0:
        optimizer.step()
        optimizer.zero_grad()
    if batch % 240 == 0:
        print(f"batch {batch} loss {running / 240 * PARTS:.4f}")
        running = 0.0
