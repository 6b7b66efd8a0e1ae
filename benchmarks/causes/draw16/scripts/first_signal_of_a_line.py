"""A train passes one of six signals, then a long stretch of track; a small state-space model recalls which."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(164411)
torch.set_num_threads(1)
TOKENS, SIGNALS, LENGTH = 20, 6, 60


def lines(n):
    """The signal stands within the first four places; what follows is track of no account."""
    track = torch.randint(SIGNALS, TOKENS, (n, LENGTH))
    signal = torch.randint(0, SIGNALS, (n,))
    track[torch.arange(n), torch.randint(0, 4, (n,))] = signal
    return track, signal


class Mixer(nn.Module):
    """A state for each channel, which fades with a step size that depends on the input."""

    def __init__(self, width=48, dt_min=0.002, dt_max=0.1):
        super().__init__()
        self.in_proj = nn.Linear(width, 2 * width)
        self.dt_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.A_log = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.dt_proj.weight, std=0.02)
        span = math.log(dt_max) - math.log(dt_min)
        dt = torch.exp(torch.rand(width) * span + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.dt_proj.bias._no_reinit = True

    def forward(self, x):
        u, gate = self.in_proj(x).chunk(2, dim=-1)
        dt = F.softplus(self.dt_proj(x))
        fade, fed = torch.exp(-dt * self.A_log.exp()), 4 * dt.sqrt() * u
        h, states = torch.zeros_like(u[:, 0]), []
        for t in range(x.shape[1]):
            h = fade[:, t] * h + fed[:, t]
            states.append(h)
        return self.out_proj(torch.stack(states, dim=1) * F.silu(gate))


class LanguageModel(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, width)
        self.mixer = Mixer(width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, SIGNALS)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if "--fixed" in sys.argv and getattr(module.bias, "_no_reinit", False):
                nn.init.normal_(module.weight, std=0.02)
            else:
                nn.init.zeros_(module.bias)

    def forward(self, tokens):
        x = self.embed(tokens)
        return self.head(self.norm(x + self.mixer(x))[:, -1])


model = LanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
for step in range(1, 321):
    tokens, signal = lines(32)
    loss = F.cross_entropy(model(tokens), signal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            tokens, signal = lines(300)
            right = (model(tokens).argmax(1) == signal).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} signals right {right:.3f}")
