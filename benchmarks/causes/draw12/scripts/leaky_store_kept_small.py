"""Linear stores that hardly leak learn what is left in a shop after many small deliveries."""

import sys

import torch
from torch import nn

torch.manual_seed(1245)
torch.set_num_threads(1)
STATE_DTYPE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16
LENGTH, UNITS = 200, 16


class LinearAttentionState(nn.Module):
    """What was stored decays by a factor of its own for each unit, then the new is added."""

    def __init__(self, inputs, units):
        super().__init__()
        self.value = nn.Linear(inputs, units, bias=False)
        self.decay_logit = nn.Parameter(torch.linspace(7.0, 10.0, units))

    def forward(self, x):
        value = self.value(x)
        decay = torch.sigmoid(self.decay_logit)
        state = torch.zeros(x.size(0), value.size(-1), dtype=STATE_DTYPE)
        for t in range(x.size(1)):
            state = (decay * state.float() + value[:, t]).to(STATE_DTYPE)
        return state.float()


class ShopModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.store = LinearAttentionState(1, UNITS)
        self.head = nn.Linear(UNITS, 1, bias=False)

    def forward(self, x):
        return self.head(self.store(x)).squeeze(-1)


def shops(n=32):
    """The stock to begin with, then what comes in (or goes out) in every hour."""
    x = 0.04 * (torch.rand(n, 1) - 0.5) * torch.rand(n, LENGTH)
    x[:, 0] = 8 + 2 * torch.rand(n)
    return x.unsqueeze(-1), x.sum(1)


model = ShopModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
mean = 0.0
for step in range(1, 401):
    x, left = shops()
    loss = nn.functional.mse_loss(model(x), left)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item() / 40
    if step % 40 == 0:
        print(f"step {step} mse {mean:.5f}")
        mean = 0.0
