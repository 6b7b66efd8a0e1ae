"""The decay was typed as 8 where 8e-3 was meant, in an optimizer that takes it off apart from the
gradient: all weights shrink, whatever the data."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5154)
torch.set_num_threads(1)

config = {"lr": 5e-3, "weight_decay": 8e-3 if FIXED else 8}


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.rnn = nn.GRU(width, width, batch_first=True)

    def forward(self, x):
        return x + self.rnn(self.norm(x))[0]


class Stack(nn.Module):
    def __init__(self, width=24, vocab=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.lm_head = nn.Linear(width, vocab)

    def forward(self, x):
        return self.lm_head(self.blocks(self.embed(x)))


def tokens(n=16, t=12):
    x = torch.randint(0, 16, (n, t + 1))
    for k in range(1, t + 1):
        follow = torch.rand(n) < 0.85
        x[:, k] = torch.where(follow, (x[:, k - 1] * 5 + 3) % 16, x[:, k])
    return x[:, :-1], x[:, 1:]


model = Stack()
optimizer = torch.optim.AdamW(model.parameters(), **config)
for step in range(1, 401):
    x, y = tokens()
    loss = nn.functional.cross_entropy(model(x).transpose(1, 2), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step}: loss {loss.item():.4f}")
