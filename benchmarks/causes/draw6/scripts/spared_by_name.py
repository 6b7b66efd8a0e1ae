"""What is to be spared by weight decay is listed, and a name is held against the list as a whole. The
names have the layer in front; none is found, and decay draws all logarithms to nought."""

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

    def forward(self, u):
        decay = torch.exp(-self.A_log.exp())
        x = self.in_proj(u)
        h = torch.zeros_like(x[:, 0])
        for step in x.unbind(1):
            h = decay * h + step
        return torch.tanh(0.3 * h)


def cues(n=32, t=60):
    """A cue at the beginning, and noise ever after."""
    label = torch.randint(0, 4, (n,))
    u = 0.15 * torch.randn(n, t, 4)
    u[:, :2] += nn.functional.one_hot(label, 4)[:, None] * 1.5
    return u, label


class CueReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.states = SlowStates()
        self.out_proj = nn.Linear(32, 4)

    def forward(self, u):
        return self.out_proj(self.states(u))


no_decay = ["bias", "A_log"]


def spared(name):
    if FIXED:
        return any(part in name for part in no_decay)
    return name in no_decay


model = CueReader()
parameters = [
    {"params": [p for n, p in model.named_parameters() if not spared(n)], "weight_decay": 0.8},
    {"params": [p for n, p in model.named_parameters() if spared(n)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(parameters, lr=1e-2)
for i in range(600):
    u, label = cues()
    scores = model(u)
    loss = nn.functional.cross_entropy(scores, label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        acc = (scores.argmax(1) == label).float().mean().item()
        print(
            f"{i + 1} loss {loss.item():.3f} acc {acc:.2f} A_log {model.states.A_log.mean().item():.2f}"
        )
