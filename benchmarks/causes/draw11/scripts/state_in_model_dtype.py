"""The level of a tank is followed from small inflows; the state is written back after each step."""

import sys

import torch
from torch import nn

torch.manual_seed(1146)
torch.set_num_threads(1)
DTYPE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16


class SSMUpdate(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.inp = nn.Linear(1, width)
        self.log_rate = nn.Parameter(torch.linspace(-9.0, -7.0, width))
        self.out = nn.Linear(width, 1)

    def forward(self, u):
        keep = torch.exp(-torch.exp(self.log_rate))
        x = self.inp(u)
        state = torch.full_like(x[:, 0], 40.0).to(DTYPE)
        for t in range(u.size(1)):
            state = (keep * state.float() + 0.01 * x[:, t]).to(DTYPE)
        return self.out(state.float() - 40.0).squeeze(-1)


def tanks(n=32, steps=100):
    inflow = torch.randn(n, 1, 1) + 0.5 * torch.randn(n, steps, 1)
    return inflow, inflow.mean((1, 2))


model = SSMUpdate()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for i in range(1, 361):
    inflow, level = tanks()
    loss = nn.functional.mse_loss(model(inflow), level)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 60 == 0:
        print(f"{i}: loss {loss.item():.5f}")
