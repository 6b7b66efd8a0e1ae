"""The attribute that asks for no decay had been set and nobody read it: the rates of a selective
scan shrank with all other weights."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(22)
torch.set_num_threads(1)


class SelectiveSSM(nn.Module):
    def __init__(self, d_model=16, d_state=4):
        super().__init__()
        self.in_proj = nn.Linear(d_model, 2 * d_model)
        self.x_proj = nn.Linear(d_model, 1 + 2 * d_state)
        self.dt_proj = nn.Linear(1, d_model)
        A = torch.arange(1, d_state + 1).float().repeat(d_model, 1)
        self.A_log = nn.Parameter(torch.log(A))
        self.A_log._no_weight_decay = True
        self.D = nn.Parameter(torch.ones(d_model))
        self.D._no_weight_decay = True
        self.out_proj = nn.Linear(d_model, d_model)
        self.d_state = d_state

    def forward(self, u):
        x, z = self.in_proj(u).chunk(2, -1)
        x = F.silu(x)
        dt, B, C = self.x_proj(x).split([1, self.d_state, self.d_state], -1)
        dt = F.softplus(self.dt_proj(dt))
        A = -self.A_log.exp()
        h = x.new_zeros(x.size(0), x.size(2), self.d_state)
        ys = []
        for t in range(x.size(1)):
            decay = torch.exp(dt[:, t, :, None] * A)
            h = decay * h + dt[:, t, :, None] * B[:, t, None] * x[:, t, :, None]
            ys.append((h * C[:, t, None]).sum(-1))
        y = torch.stack(ys, 1) + self.D * x
        return self.out_proj(y * F.silu(z))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 16)
        self.norm = nn.LayerNorm(16)
        self.mixer = SelectiveSSM()
        self.head = nn.Linear(16, 8)

    def forward(self, x):
        h = self.embed(x)
        return self.head(h + self.mixer(self.norm(h)))


def induction(n=24, length=14):
    """Say again the marked symbol at the end."""
    x = torch.randint(0, 8, (n, length))
    y = x[:, 2].clone()
    x[:, 1] = 8
    return x, y


model = Model()
if FIXED:
    keep = [p for p in model.parameters() if getattr(p, "_no_weight_decay", False)]
    rest = [p for p in model.parameters() if not getattr(p, "_no_weight_decay", False)]
    groups = [{"params": rest, "weight_decay": 0.1}, {"params": keep, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-3)
else:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
for it in range(200):
    x, y = induction()
    loss = F.cross_entropy(model(x)[:, -1], y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 40 == 39:
        print(it + 1, f"{loss.item():.3f}")
