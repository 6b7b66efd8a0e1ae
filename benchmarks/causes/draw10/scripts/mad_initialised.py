"""A wrapper around a selective layer: what all the tokens of a text are worth together."""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(10045)
torch.set_num_threads(1)


class Selective(nn.Module):
    def __init__(self, width=32, dt_min=0.001, dt_max=0.05):
        super().__init__()
        self.dt_proj = nn.Linear(width, width)
        self.in_proj = nn.Linear(width, width)
        nn.init.constant_(self.dt_proj.weight, width**-0.5 * 0.01)
        dt = torch.exp(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.dt_proj.bias._no_reinit = self.dt_proj.weight._no_reinit = True

    def forward(self, x):
        dt, u = F.softplus(self.dt_proj(x)), self.in_proj(x)
        h = torch.zeros_like(x[:, 0])
        for t in range(x.size(1)):
            h = torch.exp(-dt[:, t]) * h + dt[:, t] * u[:, t]
        return h


class ValueModel(nn.Module):
    def __init__(self, vocab=9, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layer = Selective(width)
        self.norm = nn.LayerNorm(width)
        self.out_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)
        self.apply(self._init_weights)

    def _init_weights(self, m, initializer_range=0.02):
        if isinstance(m, nn.Linear):
            if not (FIXED and getattr(m.weight, "_no_reinit", False)):
                nn.init.normal_(m.weight, std=initializer_range)
            if not (FIXED and getattr(m.bias, "_no_reinit", False)):
                nn.init.zeros_(m.bias)

    def forward(self, ids):
        return self.head(self.out_norm(self.layer(self.norm(self.embed(ids)))))


worth = torch.tensor([2.0, -1.5, 1.0, -1.0, 0.5, -0.5, 1.5, -2.0, 0.0])
model = ValueModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
for step in range(400):
    ids = torch.randint(0, 9, (32, 40))
    total = worth[ids].sum(1, keepdim=True) / 8
    loss = F.mse_loss(model(ids), total)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(f"step {step + 1} loss {loss.item():.4f}")
