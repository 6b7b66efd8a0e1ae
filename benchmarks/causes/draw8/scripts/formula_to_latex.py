"""A picture's columns are read and a formula is written token by token; short formulas stand in
rows that are as wide as the longest."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8131)
torch.set_num_threads(1)
PAD, BOS, TOKENS = 0, 1, 14


class AutoregressiveWrapper(nn.Module):
    def __init__(self, net, ignore_index):
        super().__init__()
        self.net, self.ignore_index = net, ignore_index

    def forward(self, columns, x):
        xi, xo = x[:, :-1], x[:, 1:]
        out = self.net(columns, xi)
        return F.cross_entropy(out.transpose(1, 2), xo, ignore_index=self.ignore_index), out


class Writer(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.look = nn.GRU(6, width, batch_first=True)
        self.token = nn.Embedding(TOKENS, width)
        self.write = nn.GRU(width, width, batch_first=True)
        self.logits = nn.Linear(width, TOKENS)

    def forward(self, columns, tokens):
        seen, h = self.look(columns)
        written = self.token(tokens)
        glimpse = F.pad(seen, (0, 0, 0, written.shape[1] - seen.shape[1]))
        return self.logits(self.write(written + glimpse, h)[0])


def formulas(n=32, longest=50):
    length = torch.randint(2, 5, (n,))
    body = torch.randint(2, TOKENS, (n, longest))
    columns = 2 * torch.randn(n, 4, 6)
    body[:, :4] = columns.argmax(-1) * 2 + 2
    body[:, 4:] = body[:, :1] + 1
    body[torch.arange(longest) >= length[:, None]] = PAD
    return columns, torch.cat([torch.full((n, 1), BOS), body], 1)


model = AutoregressiveWrapper(Writer(), ignore_index=PAD if FIXED else -100)
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(300):
    columns, x = formulas()
    loss, out = model(columns, x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        words = x[:, 1:5] != PAD
        right = (out[:, :4].argmax(-1) == x[:, 1:5])[words].float().mean()
        print(f"{step + 1} loss {loss.item():.3f} tokens right {right:.2f}")
