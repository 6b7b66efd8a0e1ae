"""Which of six offers was made at the opening of a long talk, asked at its end."""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(44)
torch.set_num_threads(1)
OFFERS, WORDS, LENGTH = 6, 24, 36


class SelectiveBlock(nn.Module):
    def __init__(self, d_model, d_state=4, dt_min=0.001, dt_max=0.1):
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.in_proj = nn.Linear(d_model, 2 * d_model)
        self.bc_proj = nn.Linear(d_model, 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(d_model, 1))
        self.D = nn.Parameter(torch.ones(d_model))
        dt = torch.exp(
            torch.rand(d_model) * (math.log(dt_max) - math.log(dt_min)) + math.log(dt_min)
        )
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-0.1, 0.1)
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))
        self.dt_proj.bias._no_reinit = True

    def forward(self, x):
        u, gate = self.in_proj(self.norm(x)).chunk(2, -1)
        u = F.silu(u)
        b, c = self.bc_proj(u).chunk(2, -1)
        dt = F.softplus(self.dt_proj(u))
        decay = torch.exp(-dt[..., None] * self.A_log.exp())
        drive = (dt * u)[..., None] * b[:, :, None]
        h, ys = torch.zeros_like(drive[:, 0]), []
        for t in range(x.size(1)):
            h = decay[:, t] * h + drive[:, t]
            ys.append((h * c[:, t, None]).sum(-1))
        y = torch.stack(ys, 1) + self.D * u
        return x + self.out_proj(y * F.silu(gate))


class Talk(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.emb = nn.Embedding(WORDS, d_model)
        self.block = SelectiveBlock(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, OFFERS)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            if module is not self.block.dt_proj:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                if "--fixed" in sys.argv and getattr(module.bias, "_no_reinit", False):
                    return
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5)

    def forward(self, words):
        return self.head(self.norm(self.block(self.emb(words))[:, -1]))


def draw(n):
    offer = torch.randint(OFFERS, (n,))
    words = torch.randint(OFFERS, WORDS, (n, LENGTH))
    words[:, 0] = offer
    return words, offer


model = Talk()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for step in range(1, 301):
    words, offer = draw(32)
    loss = F.cross_entropy(model(words), offer)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            words, offer = draw(256)
            right = (model(words).argmax(1) == offer).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right offer {right:.3f}")
