"""The helper that makes a state to begin with draws it anew from a wide distribution."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5140)
torch.set_num_threads(1)


class RouteNet(nn.Module):
    def __init__(self, hidden_size=28):
        super().__init__()
        self.hidden_size = hidden_size
        self.inp = nn.Linear(3, hidden_size)
        self.gru = nn.GRUCell(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, 2)

    def initHidden(self, n):
        if FIXED:
            return torch.zeros(n, self.hidden_size)
        return 2 * torch.randn(n, self.hidden_size)

    def forward(self, x):
        hidden = self.initHidden(x.size(0))
        for t in range(x.size(1)):
            hidden = self.gru(torch.relu(self.inp(x[:, t])), hidden)
        return self.out(hidden)


def journeys(n=32, t=6):
    x = torch.randn(n, t, 3)
    return x, torch.stack([x[..., 0].sum(1), x[..., 1].sum(1)], 1) / 2.5


net = RouteNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
mean = 0.0
for i in range(1, 501):
    x, y = journeys()
    loss = nn.functional.l1_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item() / 100
    if i % 100 == 0:
        print(i, round(mean, 4))
        mean = 0.0
