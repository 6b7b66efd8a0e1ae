"""A selective scan over patches has to know the first patch; weights get the usual small noise."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.init import trunc_normal_

torch.manual_seed(1145)
torch.set_num_threads(1)
PATCHES, KINDS = 36, 5


class SelectiveScan(nn.Module):
    def __init__(self, d=24, n=4, rank=3, dt_min=0.001, dt_max=0.1):
        super().__init__()
        self.in_proj = nn.Linear(d, d)
        self.x_proj = nn.Linear(d, rank + 2 * n, bias=False)
        self.dt_proj = nn.Linear(rank, d)
        self.A_log = nn.Parameter(torch.arange(1, n + 1).float().log().repeat(d, 1))
        self.sizes = rank, n, n
        span = math.log(dt_max) - math.log(dt_min)
        dt = torch.exp(torch.rand(d) * span + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        if "--fixed" in sys.argv:
            self.dt_proj.bias._no_reinit = True

    def forward(self, x):
        x = F.silu(self.in_proj(x))
        dt, b, c = self.x_proj(x).split(self.sizes, -1)
        dt = F.softplus(self.dt_proj(dt))
        keep = torch.exp(-dt.unsqueeze(-1) * self.A_log.exp())
        new = (dt * x).unsqueeze(-1) * b.unsqueeze(2)
        h = x.new_zeros(keep[:, 0].shape)
        for t in range(x.size(1)):
            h = keep[:, t] * h + new[:, t]
        return (h * c[:, -1].unsqueeze(1)).sum(-1)


class Vim(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Embedding(KINDS + 8, 24)
        self.scan = SelectiveScan()
        self.norm = nn.LayerNorm(24)
        self.head = nn.Linear(24, KINDS)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            trunc_normal_(m.weight, std=0.2)
            if m.bias is not None and not getattr(m.bias, "_no_reinit", False):
                nn.init.constant_(m.bias, 0)

    def forward(self, ids):
        return self.head(self.norm(self.scan(self.patch(ids))))


model = Vim()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
for it in range(1, 401):
    ids = torch.randint(KINDS, KINDS + 8, (32, PATCHES))
    y = torch.randint(0, KINDS, (32,))
    ids[:, 0] = y
    loss = F.cross_entropy(model(ids), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 0:
        print(f"it {it} loss {loss.item():.4f}")
