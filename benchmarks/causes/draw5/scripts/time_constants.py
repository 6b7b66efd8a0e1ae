"""Weight decay took hold of all parameters of a diagonal state space model alike, among them the
logarithms of its rates, which carry a mark that no optimizer reads."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5153)
torch.set_num_threads(1)


class DiagonalSSM(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.in_proj = nn.Linear(3, width)
        rates = torch.logspace(-2.5, 0, width)
        self.A_log = nn.Parameter(torch.log(rates))
        self.A_log._no_weight_decay = True
        self.D = nn.Parameter(torch.ones(width))
        self.D._no_weight_decay = True
        self.out_proj = nn.Linear(width, 1)

    def forward(self, x):
        u = self.in_proj(x)
        decay = torch.exp(-torch.exp(self.A_log))
        h = torch.zeros_like(u[:, 0])
        ys = []
        for t in range(u.shape[1]):
            h = decay * h + u[:, t]
            ys.append(h + self.D * u[:, t])
        return self.out_proj(torch.stack(ys, 1))


def make_optimizer(model, lr=1e-2, weight_decay=0.5):
    if not FIXED:
        return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    kept = [p for p in model.parameters() if getattr(p, "_no_weight_decay", False)]
    rest = [p for p in model.parameters() if not getattr(p, "_no_weight_decay", False)]
    return torch.optim.AdamW(
        [{"params": rest, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}],
        lr=lr,
    )


def records(n=24, t=24):
    x = torch.randn(n, t, 3) * 0.1
    level = torch.randn(n, 1)
    x[:, :4, 0] += level * 0.5
    return x, level


model = DiagonalSSM()
optimizer = make_optimizer(model)
for it in range(1, 401):
    x, y = records()
    loss = nn.functional.mse_loss(model(x)[:, -1], y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 0:
        print(f"[{it}] {loss.item():.5f}")
