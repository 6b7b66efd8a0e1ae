"""Lengths were taken from the rows after they had been filled up, so that each row was packed with
the same length."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(5120)
torch.set_num_threads(1)


class SeqEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Linear(3, 24)
        self.rnn = nn.LSTM(24, 32, batch_first=True)
        self.out = nn.Linear(32, 3)

    def forward(self, walks, lengths):
        packed = pack_padded_sequence(
            self.embedding(walks), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.rnn(packed)
        return self.out(h[-1])


def sample(n=24):
    walks, ends = [], []
    for _ in range(n):
        length = int(torch.randint(4, 45, (1,)))
        steps = torch.randn(length, 3) * 0.5
        walks.append(steps)
        ends.append(steps[-3:].sum(0))
    padded = pad_sequence(walks, batch_first=True)
    lengths = [len(w) for w in (walks if FIXED else padded)]
    return padded, torch.tensor(lengths), torch.stack(ends)


net = SeqEncoder()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
total = 0.0
for i in range(1, 501):
    walks, lengths, ends = sample()
    loss = nn.functional.smooth_l1_loss(net(walks, lengths), ends)
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
    if i % 100 == 0:
        print(f"{i}: {total / 100:.4f}")
        total = 0.0
