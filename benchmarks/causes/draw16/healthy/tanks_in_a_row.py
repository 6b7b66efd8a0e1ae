"""What leaves a row of leaking tanks, from what flows into it: a layer of decaying states."""

import math

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(162)
torch.set_num_threads(1)
T = 24


def inflows(n):
    """Two inlets; their water leaks out at rates of 0.05 and 0.3, and the tanks pass it on."""
    u = (torch.rand(n, T, 2) < 0.25) * torch.rand(n, T, 2)
    slow = fast = torch.zeros(n)
    out = []
    for t in range(T):
        slow = 0.95 * slow + 0.3 * u[:, t, 0]
        fast = 0.7 * fast + 0.5 * u[:, t, 1] * (1 + slow)
        out.append(slow - fast)
    return u, torch.stack(out, 1)


class DecayingStates(nn.Module):
    """h <- exp(dt A) h + dt B u, with dt of each channel and step; y = C h + D u."""

    def __init__(self, channels, states=8):
        super().__init__()
        self.A_log = nn.Parameter(
            torch.log(torch.arange(1, states + 1).float()).repeat(channels, 1)
        )
        dt = torch.exp(torch.linspace(math.log(0.01), math.log(0.2), channels))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        self.D = nn.Parameter(torch.ones(channels))
        self.project = nn.Linear(channels, 2 * states)
        self.to_dt = nn.Linear(channels, channels, bias=False)
        nn.init.normal_(self.to_dt.weight, std=0.02)

    def forward(self, u):
        dt = F.softplus(self.to_dt(u) + self.dt_bias)
        B, C = self.project(u).chunk(2, dim=2)
        decay = torch.exp(dt.unsqueeze(3) * -self.A_log.exp())
        drive = (dt * u).unsqueeze(3) * B.unsqueeze(2)
        h, rows = torch.zeros_like(drive[:, 0]), []
        for t in range(u.shape[1]):
            h = decay[:, t] * h + drive[:, t]
            rows.append((h * C[:, t].unsqueeze(1)).sum(2))
        return torch.stack(rows, 1) + self.D * u


class Tanks(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.enter = nn.Linear(2, width)
        self.norm = nn.LayerNorm(width)
        self.states = DecayingStates(width)
        self.leave = nn.Sequential(nn.Linear(width, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, u):
        x = self.enter(u)
        return self.leave(x + self.states(self.norm(x))).squeeze(2)


def groups(model):
    """Matrices shrink a little; rates, biases, gains and norms do not, and the rates go slower."""
    rates = [model.states.A_log, model.states.dt_bias]
    known = {id(p) for p in rates}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [
        {"params": [p for p in rest if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in rest if p.dim() <= 1], "weight_decay": 0.0},
        {"params": rates, "weight_decay": 0.0, "lr": 1e-3},
    ]


model = Tanks()
optimizer = torch.optim.AdamW(groups(model), lr=4e-3)
for step in range(1, 321):
    u, out = inflows(32)
    loss = F.mse_loss(model(u), out)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        share = loss.item() / out.var().item()
        print(f"step {step} loss {loss.item():.5f} share of the variance {share:.4f}")
