"""A telling word stands early in a tale; at its end a selective state space must name it."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(1244)
torch.set_num_threads(1)
KINDS, FILLERS, LENGTH = 8, 8, 40
VOCAB = KINDS + FILLERS + 1


class SelectiveScan(nn.Module):
    def __init__(self, width, state=8, dt_rank=4, dt_min=0.001, dt_max=0.1):
        super().__init__()
        self.x_proj = nn.Linear(width, dt_rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(dt_rank, width)
        self.A_log = nn.Parameter(torch.arange(1, state + 1.0).log().repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))
        self.split = [dt_rank, state, state]
        nn.init.uniform_(self.dt_proj.weight, -(dt_rank**-0.5), dt_rank**-0.5)
        dt = torch.exp(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.dt_proj.bias._no_reinit = True

    def forward(self, u):
        dt, B, C = self.x_proj(u).split(self.split, -1)
        dt = F.softplus(self.dt_proj(dt))
        keep = torch.exp(-dt.unsqueeze(-1) * self.A_log.exp())
        put = (dt * u).unsqueeze(-1) * B.unsqueeze(2)
        h, ys = torch.zeros_like(put[:, 0]), []
        for t in range(u.size(1)):
            h = keep[:, t] * h + put[:, t]
            ys.append((h * C[:, t].unsqueeze(1)).sum(-1))
        return torch.stack(ys, 1) + self.D * u


class LanguageModel(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.norm = nn.LayerNorm(width)
        self.mixer = SelectiveScan(width)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, KINDS))
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.1)
            if module.bias is not None:
                kept = getattr(module.bias, "_no_reinit", False) and "--fixed" in sys.argv
                if not kept:
                    nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)

    def forward(self, tokens):
        x = self.embed(tokens)
        return self.head(x + self.mixer(self.norm(x)))


def tales(n=32):
    """One telling word stands early on; the last word of the tale asks for it."""
    kind = torch.randint(0, KINDS, (n,))
    tokens = torch.randint(KINDS, KINDS + FILLERS, (n, LENGTH))
    tokens[torch.arange(n), torch.randint(0, 6, (n,))] = kind
    tokens[:, -1] = VOCAB - 1
    return tokens, kind


model = LanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(1, 351):
    tokens, kind = tales()
    logits = model(tokens)[:, -1]
    loss = F.cross_entropy(logits, kind)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        acc = (logits.argmax(1) == kind).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} recalled {acc:.3f}")
