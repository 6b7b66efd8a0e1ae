"""A selective scan written by hand keeps the one marked token through a long day of others."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1344)
torch.set_num_threads(1)
TOKENS, LENGTH = 8, 60


class Selective(nn.Module):
    def __init__(self, size, rank=4):
        super().__init__()
        self.x_proj = nn.Linear(size, rank)
        self.dt_proj = nn.Linear(rank, size)
        self.A_log = nn.Parameter(torch.zeros(size))
        dt = torch.exp(torch.empty(size).uniform_(math.log(1e-3), math.log(5e-2)))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        if "--fixed" in sys.argv:
            self.dt_proj.bias._no_reinit = True

    def forward(self, x):
        dt = nn.functional.softplus(self.dt_proj(self.x_proj(x)))
        keep = torch.exp(-dt * self.A_log.exp())
        h = torch.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            h = keep[:, t] * h + (1 - keep[:, t]) * x[:, t]
        return h


class Recall(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.tokens = nn.Embedding(2 * TOKENS, size)
        self.scan = Selective(size)
        self.norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, TOKENS)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            nn.init.trunc_normal_(m.weight, std=0.02)
            if not getattr(m.bias, "_no_reinit", False):
                nn.init.constant_(m.bias, 0)

    def forward(self, day):
        return self.head(self.norm(self.scan(self.tokens(day))))


def days(n=32):
    """The marked token (8-15) comes among the first ten."""
    day = torch.randint(0, TOKENS, (n, LENGTH))
    token = torch.randint(0, TOKENS, (n,))
    day.scatter_(1, torch.randint(0, 10, (n, 1)), token[:, None] + TOKENS)
    return day, token


model = Recall()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    day, token = days()
    loss = nn.functional.cross_entropy(model(day), token)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            day, token = days(300)
            acc = (model(day).argmax(1) == token).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} recalled {acc:.3f}")
