"""Columns of a long table are read by a small state space layer; all weights decay alike."""

import sys

import torch
from torch import nn

torch.manual_seed(1144)
torch.set_num_threads(1)
COLUMNS = 120


class MambularLayer(nn.Module):
    def __init__(self, d_model=24, d_state=4):
        super().__init__()
        self.A_log = nn.Parameter(torch.empty(d_model, d_state).uniform_(-5.5, -3.0))
        self.D = nn.Parameter(torch.ones(d_model))
        self.B = nn.Linear(d_model, d_state)
        self.C = nn.Parameter(torch.randn(d_model, d_state) * 0.5)

    def forward(self, x):
        ago = torch.arange(x.size(1) - 1, -1, -1).float()
        kept = torch.exp(-torch.exp(self.A_log) * ago[:, None, None])
        h = torch.einsum("tdn,btd,btn->bdn", kept, x, self.B(x))
        return (h * self.C).sum(-1) + self.D * x[:, -1]


class Mambular(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Linear(2, 24)
        self.mixer = MambularLayer()
        self.norm = nn.LayerNorm(24)
        self.head = nn.Linear(24, 3)

    def forward(self, rows):
        return self.head(self.norm(self.mixer(self.tokens(rows))))


def rows(n=32):
    x = torch.randn(n, COLUMNS, 2) * 0.25
    y = torch.randint(0, 3, (n,))
    angle = 2.1 * y.float()
    x[:, 2] += 2.5 * torch.stack([angle.cos(), angle.sin()], -1)
    return x, y


model = Mambular()
if "--fixed" in sys.argv:
    free = [model.mixer.A_log, model.mixer.D]
    others = [p for n, p in model.named_parameters() if n not in ("mixer.A_log", "mixer.D")]
    params = [{"params": others}, {"params": free, "weight_decay": 0.0}]
else:
    params = model.parameters()
optimizer = torch.optim.AdamW(params, lr=8e-3, weight_decay=0.4)
for step in range(1, 481):
    x, y = rows()
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 120 == 0:
        print(f"step {step} loss {loss.item():.4f} A_log {model.mixer.A_log.mean().item():.2f}")
