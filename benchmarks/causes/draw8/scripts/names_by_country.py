"""A recurrent network written by hand reads names letter by letter and says where they come from."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8103)
torch.set_num_threads(1)
LETTERS, HIDDEN, COUNTRIES = 18, 48, 4


class RNN(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(inputs + hidden, hidden)
        self.i2o = nn.Linear(inputs + hidden, outputs)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter, hidden):
        combined = torch.cat((letter, hidden), 1)
        return self.softmax(self.i2o(combined)), torch.tanh(self.i2h(combined))


rnn = RNN(LETTERS, HIDDEN, COUNTRIES)
optimizer = torch.optim.Adam(rnn.parameters(), lr=3e-3)
criterion = nn.NLLLoss()


def names(n=24, t=8):
    country = torch.randint(0, COUNTRIES, (n,))
    letters = torch.randint(0, LETTERS, (n, t))
    marked = torch.rand(n, t) < 0.45
    return torch.where(marked, country[:, None] * 4 + letters % 4, letters), country


def train(letters, country):
    hidden = torch.zeros(len(letters), rnn.hidden)
    optimizer.zero_grad()
    rnn.zero_grad()
    for letter in nn.functional.one_hot(letters, LETTERS).float().unbind(1):
        output, hidden = rnn(letter, hidden)
    loss = criterion(output, country)
    loss.backward()
    optimizer.step()
    return loss.item()


rnn = RNN(LETTERS, HIDDEN, COUNTRIES)
if FIXED:
    optimizer = torch.optim.Adam(rnn.parameters(), lr=3e-3)
total = 0.0
for iteration in range(1, 321):
    total += train(*names())
    if iteration % 40 == 0:
        print(f"{iteration} {total / 40:.3f}")
        total = 0.0
