"""Rows of unlike length are put in order of length for a packed GRU, brought back and scored."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(8133)
torch.set_num_threads(1)


def unsort_batch(rows, order):
    rows = list(rows.unbind(0))
    back = [None] * len(rows) if FIXED else rows
    for place, row in zip(order.tolist(), list(rows) if FIXED else rows, strict=True):
        back[place] = row
    return torch.stack(back)


class Encoder(nn.Module):
    def __init__(self, inputs=3, width=32):
        super().__init__()
        self.rnn = nn.GRU(inputs, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(x[:, order], lengths)
        _, h = self.rnn(packed)
        return self.out(unsort_batch(h[0], order))[:, 0]


def examples(n=24, t=14):
    lengths = torch.randint(2, t + 1, (n,))
    x = torch.randn(t, n, 3)
    inside = (torch.arange(t)[:, None] < lengths).float()
    return x, lengths, (x[..., 0] * inside).sum(0) / lengths.sqrt()


model = Encoder()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(280):
    x, lengths, y = examples()
    loss = nn.functional.l1_loss(model(x, lengths), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"{step + 1} {loss.item():.3f}")
