"""A small state space model has to keep the first sign through a long pause."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10044)
torch.set_num_threads(1)
SIGNS, LENGTH = 6, 40


class SSM(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.embed = nn.Embedding(SIGNS + 1, width)
        self.A_log = nn.Parameter(torch.linspace(-5.0, -2.0, width))
        self.D = nn.Parameter(torch.ones(width))
        self.mix = nn.Linear(width, SIGNS)

    def forward(self, ids):
        x = self.embed(ids)
        keep = torch.exp(-torch.exp(self.A_log))
        h = torch.zeros_like(x[:, 0])
        for t in range(x.size(1)):
            h = keep * h + x[:, t]
        return self.mix(torch.tanh(h) + self.D * x[:, -1])


model = SSM()
special = [model.A_log, model.D]
plain = [p for p in model.parameters() if all(p is not s for s in special)]
if FIXED:
    groups = [{"params": plain}, {"params": special, "weight_decay": 0.0}]
else:
    groups = [{"params": plain}, {"params": special, "weight_decay": 1.0}]
optimizer = torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.01)
for step in range(500):
    first = torch.randint(0, SIGNS, (32,))
    ids = torch.full((32, LENGTH), SIGNS)
    ids[:, 0] = first
    loss = nn.functional.cross_entropy(model(ids), first)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.4f} mean A_log {model.A_log.mean():.3f}")
