"""The land of a name, letter by letter: an RNN ends in log_softmax, and its loss is the NLLLoss."""

import torch
from torch import nn

torch.manual_seed(206)
torch.set_num_threads(1)
LETTERS, LANDS = 18, 5


class NameRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.i2h = nn.Linear(LETTERS + hidden, hidden)
        self.h2o = nn.Linear(hidden, LANDS)
        self.softmax = nn.LogSoftmax(dim=1)
        self.hidden = hidden

    def forward(self, name):
        h = name.new_zeros(len(name), self.hidden)
        for letter in name.unbind(1):
            h = torch.tanh(self.i2h(torch.cat([letter, h], 1)))
        return self.softmax(self.h2o(h))


tables = torch.softmax(1.5 * torch.randn(LANDS, LETTERS), -1)


def names(n=32, t=8):
    land = torch.randint(0, LANDS, (n,))
    letters = torch.multinomial(tables[land], t, replacement=True)
    return nn.functional.one_hot(letters, LETTERS).float(), land


rnn = NameRNN()
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(rnn.parameters(), lr=3e-3)
mean = 0.0
for step in range(1, 501):
    name, land = names()
    loss = criterion(rnn(name), land)
    rnn.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item() / 100
    if step % 100 == 0:
        print(f"{step} {mean:.4f}")
        mean = 0.0
