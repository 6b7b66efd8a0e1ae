"""The returned state depended on how far a row had been filled up. All rows
were packed with the length of the longest."""

import sys

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import rnn as packing

FIXED = "--fixed" in sys.argv
torch.manual_seed(5)
torch.set_num_threads(1)


def batch(size=32):
    lengths = torch.randint(3, 13, (size,))
    x = torch.randint(1, 6, (size, 12))
    y = x.gather(1, lengths[:, None] - 2)[:, 0] - 1
    x[torch.arange(12)[None] >= lengths[:, None]] = 0
    return x, lengths, y


embed = nn.Embedding(6, 12)
rnn = nn.GRU(12, 24, batch_first=True)
head = nn.Linear(24, 5)
modules = nn.ModuleList([embed, rnn, head])
optimizer = torch.optim.Adam(modules.parameters(), lr=0.01)
losses = []
for _ in range(300):
    x, lengths, y = batch()
    told = lengths if FIXED else torch.full_like(lengths, 12)
    packed = packing.pack_padded_sequence(embed(x), told, batch_first=True, enforce_sorted=False)
    _, state = rnn(packed)
    loss = functional.cross_entropy(head(state[-1]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
