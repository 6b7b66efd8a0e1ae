"""A word model with an LSTM cell written out, and dropout on what goes into and out of it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9014)
torch.set_num_threads(1)
DROPOUT = 0.1


class DropoutWrapper(nn.Module):
    def __init__(self, cell, output_keep_prob):
        super().__init__()
        self.cell, self.keep = cell, output_keep_prob

    def forward(self, x, state):
        h, c = self.cell(x, state)
        mask = (torch.rand_like(h) < self.keep).float() / self.keep
        return h * mask if self.training else h, (h, c)


class WordModel(nn.Module):
    def __init__(self, words=20, width=32):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        keep = 1.0 - DROPOUT if FIXED else DROPOUT
        self.cell = DropoutWrapper(nn.LSTMCell(width, width), output_keep_prob=keep)
        self.out = nn.Linear(width, words)
        self.width = width

    def forward(self, ids):
        x, outs = self.embed(ids), []
        state = (x.new_zeros(len(ids), self.width),) * 2
        for t in range(ids.shape[1]):
            out, state = self.cell(x[:, t], state)
            outs.append(out)
        return self.out(torch.stack(outs, 1))


follow = torch.randint(0, 20, (20, 20))


def text(n=16, length=10):
    ids = [torch.randint(0, 20, (n,)), torch.randint(0, 20, (n,))]
    while len(ids) <= length:
        ids.append(follow[ids[-1], ids[-2] % 2])
    return torch.stack(ids, 1)


model = WordModel()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    ids = text()
    cost = nn.functional.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
    opt.zero_grad()
    cost.backward()
    opt.step()
    if step % 80 == 79:
        print(f"step {step + 1} cost {cost.item():.3f} perplexity {cost.exp().item():.2f}")
