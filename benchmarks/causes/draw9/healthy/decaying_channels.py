"""A diagonal state space, run as a scan, tells which of two cues came first."""

import torch
from torch import nn

torch.manual_seed(9110)
torch.set_num_threads(1)


class DiagonalSSM(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.log_rate = nn.Parameter(torch.linspace(-4.0, 0.5, width))
        self.b, self.c = nn.Linear(width, width), nn.Linear(width, width)
        self.d = nn.Parameter(torch.ones(width))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        u, h, ys = self.b(self.norm(x)), 0.0, []
        keep = torch.exp(-self.log_rate.exp())
        for t in range(x.shape[1]):
            h = keep * h + (1 - keep) * u[:, t]
            ys.append(h)
        return x + nn.functional.gelu(self.c(torch.stack(ys, 1)) + self.d * x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(3, 24)
        self.blocks = nn.Sequential(DiagonalSSM(), DiagonalSSM())
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.blocks(self.inp(x))[:, -1])


def cues(n=32, t=20):
    when = torch.stack([torch.randperm(t)[:2] for _ in range(n)])
    x = torch.zeros(n, t, 3)
    x[torch.arange(n), when[:, 0], 0] = 2
    x[torch.arange(n), when[:, 1], 1] = 2
    x[..., 2] = 0.3 * torch.randn(n, t)
    return x, (when[:, 0] < when[:, 1]).long()


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
for step in range(300):
    x, y = cues()
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"step {step + 1} loss {loss.item():.4f}")
