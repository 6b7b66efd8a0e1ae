"""A miller's mark stands at the head of a long tally; which of the four millers was it?"""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1744)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
MILLERS, LENGTH, SIGNS = 4, 40, 10


def tallies(n):
    miller = torch.randint(0, MILLERS, (n,))
    signs = torch.randint(MILLERS, SIGNS, (n, LENGTH))
    signs[:, 0] = miller
    return signs, miller


class SelectiveMixer(nn.Module):
    """A decaying state for each channel; how fast it decays is told by the input."""

    def __init__(self, width, dt_min=0.001, dt_max=0.1):
        super().__init__()
        self.in_proj = nn.Linear(width, 2 * width)
        self.dt_proj = nn.Linear(width, width, bias=False)
        self.out_proj = nn.Linear(width, width)
        nn.init.normal_(self.dt_proj.weight, std=0.05)
        dt = torch.exp(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))

    def forward(self, x):
        value, gate = self.in_proj(x).chunk(2, dim=2)
        dt = nn.functional.softplus(self.dt_proj(x) + self.dt_bias)
        keep, fill = torch.exp(-dt).unbind(1), (dt.sqrt() * value).unbind(1)
        state, rows = torch.zeros_like(fill[0]), []
        for k, f in zip(keep, fill, strict=True):
            state = k * state + f
            rows.append(state)
        return self.out_proj(torch.stack(rows, dim=1) * torch.sigmoid(gate))


class TallyModel(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(SIGNS, width)
        self.mixer = SelectiveMixer(width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, MILLERS)
        self.init_weights()

    def init_weights(self):
        for name, param in self.named_parameters():
            if FIXED and name.endswith("dt_bias"):
                continue
            if name.endswith("bias"):
                nn.init.zeros_(param)

    def forward(self, signs):
        return self.head(self.norm(self.mixer(self.embed(signs)))[:, -1])


model = TallyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 351):
    signs, miller = tallies(32)
    loss = nn.functional.cross_entropy(model(signs), miller)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 35 == 0:
        with torch.no_grad():
            signs, miller = tallies(300)
            right = (model(signs).argmax(1) == miller).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
