"""A reader trained on one task is kept as it is; only a new head and the last layer learn another."""

import torch
from torch import nn

torch.manual_seed(8207)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.low = nn.GRU(4, width, batch_first=True)
        self.high = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        return self.head(self.high(self.low(x)[0])[0][:, -1])


def rows(n, k):
    x = torch.randn(n, 10, 4)
    s = x[..., 0].sum(1)
    return x, (s > 0).long() if k == 2 else (s > -1.4).long() + (s > 1.4).long()


def fit(model, opt, k, steps):
    for step in range(steps):
        x, y = rows(32, k)
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 49:
            print(f"{k} kinds, step {step + 1}: {loss.item():.3f}")


reader = Reader()
fit(reader, torch.optim.Adam(reader.parameters(), lr=5e-3), 2, 150)
reader.low.requires_grad_(False)
reader.head = nn.Linear(32, 3)
groups = [
    {"params": reader.high.parameters(), "lr": 1e-3},
    {"params": reader.head.parameters(), "lr": 1e-2},
]
fit(reader, torch.optim.Adam(groups), 3, 200)
