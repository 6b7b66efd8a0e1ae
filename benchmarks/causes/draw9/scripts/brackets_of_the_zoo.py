"""Characters of nested brackets, one short text after another, through a GRU with a state."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9050)
torch.set_num_threads(1)
OPEN, CLOSE, DOT = 0, 1, 2


def texts(n=24, length=14):
    depth = torch.zeros(n, dtype=torch.long)
    rows = []
    for _ in range(length):
        r = torch.rand(n)
        char = torch.where(r < 0.45, OPEN, torch.where((r < 0.75) & (depth > 0), CLOSE, DOT))
        depth = depth + (char == OPEN).long() - (char == CLOSE).long()
        rows.append(torch.stack([char, depth.clamp(max=7)]))
    both = torch.stack(rows)
    return both[:, 0], both[:, 1]


class CharRNN:
    def __init__(self, hidden=24):
        self.cell = nn.GRUCell(3, hidden)
        self.dense = nn.Linear(hidden, 8)
        self.initial = torch.zeros(24, hidden)
        self.h = self.initial

    def params(self):
        return [*self.cell.parameters(), *self.dense.parameters()]

    def reset(self):
        self.h = self.initial

    def __call__(self, char):
        self.h = self.cell(nn.functional.one_hot(char, 3).float(), self.h)
        return self.dense(self.h)


m = CharRNN()
opt = torch.optim.Adam(m.params(), lr=6e-3)


def loss(xs, ys):
    if FIXED:
        m.reset()
    else:
        m.h = m.h.detach()
    return sum(nn.functional.cross_entropy(m(x), y) for x, y in zip(xs, ys, strict=True)) / len(xs)


for i in range(350):
    value = loss(*texts())
    opt.zero_grad()
    value.backward()
    opt.step()
    if i % 70 == 69:
        print(f"minibatch {i + 1} loss {value.item():.4f}")
