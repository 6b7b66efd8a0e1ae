"""The states of a scan begin at a level and are handed on in the type of its input, half as many bits
as they need: what a slow channel gains in one step is less than the type can tell apart."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6114)
torch.set_num_threads(1)

LEVEL = 4.0
STATE = torch.float32 if FIXED else torch.bfloat16


class SelectiveScan(nn.Module):
    def __init__(self, d_in=2, d_inner=24):
        super().__init__()
        self.in_proj = nn.Linear(d_in, d_inner)
        self.dt_proj = nn.Linear(d_in, d_inner)
        nn.init.constant_(self.dt_proj.bias, -5.5)
        nn.init.normal_(self.dt_proj.weight, 0, 0.02)
        self.A_log = nn.Parameter(torch.zeros(d_inner) - 3)
        self.out_proj = nn.Linear(d_inner, 1)

    def forward(self, u):
        decay = -torch.exp(self.A_log)
        x = torch.tanh(self.in_proj(u))
        dt = F.softplus(self.dt_proj(u))
        state = torch.full((u.shape[0], x.shape[-1]), LEVEL, dtype=STATE)
        for t in range(u.shape[1]):
            gain = torch.exp(dt[:, t] * decay)
            state = (gain * state.float() + dt[:, t] * x[:, t]).to(STATE)
        return self.out_proj((state.float() - LEVEL) * 6)


def readings(n=24, t=60):
    level = torch.randn(n, 1, 1) * 0.5
    u = level + 0.7 * torch.randn(n, t, 2)
    return u, torch.tanh(u[..., 0]).mean(1, keepdim=True) * 2


model = SelectiveScan()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
recent = []
for step in range(1, 251):
    u, y = readings()
    loss = F.mse_loss(model(u), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if step % 50 == 0:
        print(f"step {step} mse {sum(recent[-25:]) / 25:.4f}")
