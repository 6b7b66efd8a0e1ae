"""A selective state space layer for tables, under AdamW with one strong decay for everything:
also for the logarithms of how fast it forgets, and for its skip."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(436)
torch.set_num_threads(1)


class MambaLayer(nn.Module):
    def __init__(self, d_model, d_state=6):
        super().__init__()
        self.in_proj = nn.Linear(d_model, 2 * d_model)
        self.x_proj = nn.Linear(d_model, 2 * d_state)
        self.dt_proj = nn.Linear(d_model, d_model)
        nn.init.constant_(self.dt_proj.bias, -1.0)
        self.A_log = nn.Parameter(torch.linspace(-5.5, -3.5, d_state).repeat(d_model, 1))
        self.D = nn.Parameter(torch.ones(d_model))
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x):
        u, gate = self.in_proj(x).chunk(2, -1)
        u = F.silu(u)
        B, C = self.x_proj(u).chunk(2, -1)
        dt = F.softplus(self.dt_proj(u))
        A = -self.A_log.exp()
        h = x.new_zeros(x.size(0), *A.shape)
        ys = []
        for t in range(x.size(1)):
            step = dt[:, t, :, None]
            h = torch.exp(step * A) * h + step * B[:, t, None] * u[:, t, :, None]
            ys.append((h * C[:, t, None]).sum(-1) + self.D * u[:, t])
        return self.out_proj(torch.stack(ys, 1) * F.silu(gate))


class TabularMamba(nn.Module):
    def __init__(self, d_model=20):
        super().__init__()
        self.embed = nn.Linear(3, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.mixer = MambaLayer(d_model)
        self.head = nn.Linear(d_model, 4)

    def forward(self, x):
        x = self.embed(x)
        x = x + self.mixer(self.norm(x))
        return self.head(x[:, -1])


def rows(n=24, length=24):
    """Which of four things was marked at the beginning?"""
    y = torch.randint(0, 4, (n,))
    x = 0.3 * torch.randn(n, length, 3)
    x[:, 0, 0] += (y % 2) * 4.0 - 2
    x[:, 0, 1] += (y // 2) * 4.0 - 2
    x[:, 0, 2] = 3.0
    return x, y


model = TabularMamba()
if FIXED:
    kept = [p for n, p in model.named_parameters() if n.endswith(("A_log", ".D"))]
    rest = [p for n, p in model.named_parameters() if not n.endswith(("A_log", ".D"))]
    groups = [{"params": rest}, {"params": kept, "weight_decay": 0.0}]
else:
    groups = model.parameters()
optimizer = torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.8)
for step in range(260):
    x, y = rows()
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 52 == 51:
        rate = model.mixer.A_log.exp().mean().item()
        print(
            f"{step + 1}: {loss.item():.4f} right {(logits.argmax(1) == y).float().mean():.2f} rate {rate:.3f}"
        )
