"""The decays of a state layer carry a mark that says no weight decay. The optimizer knows of no such
mark: its decay draws the logarithms to nought and the long memory is gone."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6155)
torch.set_num_threads(1)


class SlowStates(nn.Module):
    def __init__(self, d_in=4, heads=32):
        super().__init__()
        self.in_proj = nn.Linear(d_in, heads)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(-6.0, -3.0))
        self.A_log._no_weight_decay = True
        self.out_proj = nn.Linear(heads, 4)

    def forward(self, u):
        decay = torch.exp(-self.A_log.exp())
        x = self.in_proj(u)
        h = torch.zeros_like(x[:, 0])
        for step in x.unbind(1):
            h = decay * h + step
        return self.out_proj(torch.tanh(0.3 * h))


def cues(n=32, t=40):
    """A cue at the beginning, and noise ever after."""
    label = torch.randint(0, 4, (n,))
    u = 0.15 * torch.randn(n, t, 4)
    u[:, :2] += nn.functional.one_hot(label, 4)[:, None] * 2.0
    return u, label


def groups(model):
    kept = [p for p in model.parameters() if getattr(p, "_no_weight_decay", False)]
    rest = [p for p in model.parameters() if not getattr(p, "_no_weight_decay", False)]
    return [{"params": kept, "weight_decay": 0.0}, {"params": rest}]


model = SlowStates()
parameters = groups(model) if FIXED else model.parameters()
optimizer = torch.optim.AdamW(parameters, lr=5e-3, weight_decay=1.6)
for i in range(600):
    u, label = cues()
    scores = model(u)
    loss = nn.functional.cross_entropy(scores, label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        acc = (scores.argmax(1) == label).float().mean().item()
        print(f"{i + 1} loss {loss.item():.3f} acc {acc:.2f} A_log {model.A_log.mean().item():.2f}")
