"""Names are told apart by the land they come from, one letter after the other, with a small RNN."""

import sys

import torch
from torch import nn

torch.manual_seed(14104)
torch.set_num_threads(1)

SYLLABLES = {
    "north": ["fjar", "skal", "ulf", "heim", "borg", "dal"],
    "south": ["rio", "vera", "monte", "lla", "gua", "zan"],
    "east": ["ov", "ska", "dni", "pr", "yansk", "vol"],
    "west": ["ken", "avon", "ty", "wye", "llyn", "dee"],
}
LANDS = list(SYLLABLES)
ALPHABET = " abcdefghijklmnopqrstuvwxyz"
gen = torch.Generator().manual_seed(7)


class RNN(nn.Module):
    def __init__(self, hidden_size=64):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(len(ALPHABET) + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, len(LANDS))

    def forward(self, line):
        hidden = torch.zeros(line.size(1), self.hidden_size)
        for letter in line:
            hidden = torch.tanh(self.i2h(torch.cat((letter, hidden), 1)))
        return self.h2o(hidden)


rnn = RNN()
optimizer = torch.optim.Adam(rnn.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()


def draw(bound):
    return int(torch.randint(0, bound, (1,), generator=gen))


def name_of(land):
    parts = SYLLABLES[LANDS[land]]
    return "".join(parts[draw(len(parts))] for _ in range(2))


def batch(n):
    category = torch.tensor([draw(len(LANDS)) for _ in range(n)])
    names = [name_of(int(land)).rjust(12) for land in category]
    letters = torch.tensor([[ALPHABET.index(c) for c in name] for name in names])
    return nn.functional.one_hot(letters.T, len(ALPHABET)).float(), category


def train(line, category):
    optimizer.zero_grad()
    loss = criterion(rnn(line), category)
    loss.backward()
    nn.utils.clip_grad_norm_(rnn.parameters(), 1.0)
    optimizer.step()
    return loss.item()


if "--fixed" not in sys.argv:
    rnn = RNN()
test_line, test_category = batch(300)
current = 0.0
for step in range(1, 401):
    current += train(*batch(32)) / 40
    if step % 40 == 0:
        with torch.no_grad():
            right = (rnn(test_line).argmax(1) == test_category).float().mean().item()
        print(f"{step} mean loss {current:.4f} right {right:.3f}")
        current = 0.0
