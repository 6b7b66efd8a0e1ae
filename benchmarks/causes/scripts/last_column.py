"""Short texts were classified badly. The last column of the output stands for filler
wherever a text is shorter than the longest."""

import sys

import torch
from torch import nn
from torch.nn import functional

FIXED = "--fixed" in sys.argv
torch.manual_seed(4)
torch.set_num_threads(1)


def batch(size=32):
    lengths = torch.randint(3, 13, (size,))
    x = torch.randint(1, 6, (size, 12))
    y = x.gather(1, lengths[:, None] - 2)[:, 0] - 1
    x[torch.arange(12)[None] >= lengths[:, None]] = 0
    return x, lengths, y


embed = nn.Embedding(6, 12)
rnn = nn.RNN(12, 24, batch_first=True)
head = nn.Linear(24, 5)
modules = nn.ModuleList([embed, rnn, head])
optimizer = torch.optim.Adam(modules.parameters(), lr=0.01)
losses = []
for _ in range(300):
    x, lengths, y = batch()
    out, _ = rnn(embed(x))
    last = out[torch.arange(32), lengths - 1] if FIXED else out[:, -1]
    loss = functional.cross_entropy(head(last), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
