"""A strand opens with a motif of one of four families, then runs on at random; name the family at its end."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1544)
torch.set_num_threads(1)
BASES, LENGTH, FAMILIES = 4, 60, 4


class SelectiveLayer(nn.Module):
    """A gated linear recurrence whose step size depends on the input."""

    def __init__(self, width, dt_min=1e-3, dt_max=5e-2):
        super().__init__()
        self.x_proj = nn.Linear(width, width)
        self.dt_proj = nn.Linear(width, width)
        self.A_log = nn.Parameter(torch.zeros(width))
        self.D = nn.Parameter(torch.ones(width))
        dt = torch.exp(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.dt_proj.bias._no_reinit = True

    def forward(self, x):
        dt = nn.functional.softplus(self.dt_proj(x))
        keep = torch.exp(-dt * self.A_log.exp()).unbind(1)
        new = (dt * self.x_proj(x) * 20).unbind(1)
        h, states = torch.zeros_like(new[0]), []
        for k, n in zip(keep, new, strict=True):
            h = k * h + n
            states.append(h)
        return torch.stack(states, 1) + self.D * x


class StrandReader(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(BASES, width)
        self.conv = nn.Conv1d(width, width, 4, padding=3)
        self.layer = SelectiveLayer(width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, FAMILIES)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.1)
            if "--fixed" in sys.argv and getattr(module.bias, "_no_reinit", False):
                return
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)

    def forward(self, bases):
        x = self.embed(bases).transpose(1, 2)
        x = nn.functional.silu(self.conv(x)[..., :LENGTH]).transpose(1, 2)
        return self.head(self.norm(self.layer(x)[:, -1]))


MOTIFS = torch.tensor(
    [[0, 1, 2, 3, 0, 0], [2, 2, 1, 0, 3, 1], [3, 0, 3, 1, 2, 2], [1, 3, 0, 2, 1, 3]]
)


def strands(n):
    family = torch.randint(0, FAMILIES, (n,))
    bases = torch.randint(0, BASES, (n, LENGTH))
    bases[:, :6] = MOTIFS[family]
    return bases, family


model = StrandReader()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
bases_test, family_test = strands(400)
for step in range(1, 401):
    bases, family = strands(32)
    loss = nn.functional.cross_entropy(model(bases), family)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = (model(bases_test).argmax(1) == family_test).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
