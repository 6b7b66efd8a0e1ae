"""The logarithm of the decay is kept in 16 bits like the rest of the layer's tensors. Its steps are
smaller than the gap to the next number, and are rounded away: the memory stays as it began."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6115)
torch.set_num_threads(1)


class Mamba2Simple(nn.Module):
    def __init__(self, d_in, n_heads=12, dtype=torch.bfloat16):
        super().__init__()
        A = torch.empty(n_heads).uniform_(8, 14)
        self.A_log = nn.Parameter(torch.log(A).to(torch.float32 if FIXED else dtype))
        self.dt_bias = 0.1
        self.in_proj = nn.Linear(d_in, n_heads, bias=False)
        self.out_proj = nn.Linear(n_heads, 1)

    def forward(self, u):
        decay = torch.exp(-torch.exp(self.A_log.float()) * self.dt_bias)
        x = self.in_proj(u)
        state = torch.zeros_like(x[:, 0])
        outputs = []
        for t in range(u.size(1)):
            state = decay * state + (1 - decay) * x[:, t]
            outputs.append(state)
        return self.out_proj(torch.stack(outputs, 1))


def smooth(n=16, t=32):
    u = torch.randn(n, t, 1)
    y, level = [], torch.zeros(n, 1)
    for step in u.unbind(1):
        level = 0.8 * level + 0.4 * step
        y.append(level)
    return u, torch.stack(y, 1)


model = Mamba2Simple(1)
optimizer = torch.optim.Adam(model.parameters(), lr=2.5e-3)
for i in range(600):
    u, y = smooth()
    loss = (model(u) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        spread = [round(v, 2) for v in (model.A_log.min().item(), model.A_log.max().item())]
        print(f"{i + 1:4d} {loss.item():.4f} A_log {spread}")
