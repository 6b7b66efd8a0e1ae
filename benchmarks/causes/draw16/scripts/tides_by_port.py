"""Height of the tide an hour ahead at a port; every port gets its own copy of one template forecaster."""

import copy
import sys

import torch
from torch import nn

torch.manual_seed(16401)
torch.set_num_threads(1)
HOURS = 36


def tides(n):
    """Two tides of nearly the same length, a swell, and the reading one hour later."""
    hour = torch.arange(HOURS + 1.0).expand(n, -1) + 200 * torch.rand(n, 1)
    moon = torch.sin(6.283 * hour / 12.42)
    sun = (0.3 + 0.4 * torch.rand(n, 1)) * torch.sin(6.283 * hour / 12.0 + 1.0)
    day = 0.4 * torch.cos(6.283 * hour / 24.8)
    level = moon + sun + day + 0.05 * torch.randn(n, HOURS + 1)
    return level[:, :-1].unsqueeze(-1), level[:, -1]


class TideNet(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Sequential(nn.Linear(hidden, 20), nn.Tanh(), nn.Linear(20, 1))

    def forward(self, x):
        seq, _ = self.rnn(x)
        return self.out(seq[:, -1]).squeeze(-1)


class Forecaster:
    """An estimator with initialize, clone and partial_fit."""

    def __init__(self, module, lr=3e-3):
        self.module_type, self.lr = module, lr

    def initialize(self):
        self.module_ = self.module_type()
        self.initialize_optimizer()
        return self

    def initialize_optimizer(self):
        self.optimizer_ = torch.optim.Adam(self.module_.parameters(), lr=self.lr)

    def clone(self):
        twin = copy.copy(self)
        twin.module_ = copy.deepcopy(self.module_)
        if "--fixed" in sys.argv:
            twin.initialize_optimizer()
        return twin

    def partial_fit(self, x, y):
        self.module_.train()
        self.module_.zero_grad()
        loss = nn.functional.mse_loss(self.module_(x), y)
        loss.backward()
        self.optimizer_.step()
        return loss.item()

    def score(self, x, y):
        self.module_.eval()
        with torch.no_grad():
            return nn.functional.mse_loss(self.module_(x), y).item()


template = Forecaster(TideNet).initialize()
port = template.clone()
held_out = tides(256)
for step in range(1, 451):
    loss = port.partial_fit(*tides(48))
    if step == 1 or step % 50 == 0:
        print(f"step {step} loss {loss:.4f} held out {port.score(*held_out):.4f}")
print(f"variance of the tide {held_out[1].var().item():.4f}")
