"""Adam with a rate of a half on a net that counts: the loss leaps about above where it began."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5138)
torch.set_num_threads(1)

learning_rate = 0.005 if FIXED else 0.5


class CharTotals(nn.Module):
    def __init__(self, n_letters=8, hidden=32):
        super().__init__()
        self.i2h = nn.Linear(n_letters + hidden, hidden)
        self.i2o = nn.Linear(hidden, 1)
        self.hidden = hidden

    def forward(self, line):
        h = line.new_zeros(line.shape[1], self.hidden)
        for letter in line:
            h = torch.tanh(self.i2h(torch.cat([letter, h], 1)))
        return self.i2o(h)[:, 0]


def lines(n=24, t=8):
    letters = torch.randint(0, 8, (t, n))
    return torch.eye(8)[letters], ((letters < 3).sum(0) - 3.0) / 2


rnn = CharTotals()
current = 0.0
optimizer = torch.optim.Adam(rnn.parameters(), lr=learning_rate)
for it in range(1, 401):
    line, total = lines()
    loss = (rnn(line) - total).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    current += loss.item()
    if it % 80 == 0:
        print(it, f"{current / 80:.4f}")
        current = 0.0
