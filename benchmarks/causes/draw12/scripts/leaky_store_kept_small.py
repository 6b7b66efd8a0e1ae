"""A net of slow leaky stores learns how full a reservoir stands after many small inflows."""

import sys

import torch
from torch import nn

torch.manual_seed(1245)
torch.set_num_threads(1)
STATE_DTYPE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16
LENGTH, UNITS = 160, 24


class LeakyStores(nn.Module):
    def __init__(self, inputs, units):
        super().__init__()
        self.put = nn.Linear(inputs, 2 * units)
        # the stores keep between 0.99 and 0.9995 of what they hold
        keep = 1 - torch.logspace(-3.3, -2, units)
        self.keep_logit = nn.Parameter(torch.logit(keep))

    def forward(self, x):
        value, gate = self.put(x).chunk(2, -1)
        flow = value * torch.sigmoid(gate)
        keep = torch.sigmoid(self.keep_logit)
        state = torch.zeros(x.size(0), flow.size(-1), dtype=STATE_DTYPE)
        for t in range(x.size(1)):
            state = (keep * state.float() + flow[:, t]).to(STATE_DTYPE)
        return state.float()


class Reservoir(nn.Module):
    def __init__(self):
        super().__init__()
        self.stores = LeakyStores(2, UNITS)
        self.scale = LENGTH**-0.5
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x):
        return self.head(self.scale * self.stores(x)).squeeze(-1)


def seasons(n=32):
    """Rain and river; a thousandth and a half of the water is lost in each hour."""
    wet = torch.rand(n, 1) * 0.8 + 0.2
    rain = (torch.rand(n, LENGTH) < 0.3 * wet).float()
    river = 0.2 + 0.1 * torch.randn(n, LENGTH)
    left = 0.9985 ** torch.arange(LENGTH - 1, -1, -1)
    level = ((0.05 * rain + 0.03 * river) * left).sum(1)
    return torch.stack([rain, river], -1), (level - 2.0) / 0.6


model = Reservoir()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mean = 0.0
for step in range(1, 501):
    x, level = seasons()
    loss = nn.functional.mse_loss(model(x), level)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item() / 50
    if step % 50 == 0:
        print(f"step {step} mse {mean:.5f}")
        mean = 0.0
