"""A model built as a sequence of named modules ended in a softmax; the criterion has one inside."""

import sys
from collections import OrderedDict

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5107)
torch.set_num_threads(1)


class LastState(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.rnn = nn.LSTM(n_in, n_hidden)

    def forward(self, x):
        return self.rnn(x)[1][0][-1]


layers = OrderedDict()
layers["embedding"] = nn.Embedding(26, 16)
layers["encoder"] = LastState(16, 32)
layers["hidden"] = nn.Linear(32, 32)
layers["relu"] = nn.ReLU()
layers["output"] = nn.Linear(32, 10)
if not FIXED:
    layers["softmax"] = nn.Softmax(dim=1)
model = nn.Sequential(layers)


def names(n=32, length=9):
    """Ten languages: each prefers letters of its own."""
    language = torch.randint(0, 10, (n,))
    own = (language * 5)[None] // 2 + torch.randint(0, 3, (length, n))
    letters = torch.where(torch.rand(length, n) < 0.5, own % 26, torch.randint(0, 26, (length, n)))
    return letters, language


def train(model, loss, optimizer, x, y):
    optimizer.zero_grad()
    output = loss(model(x), y)
    output.backward()
    optimizer.step()
    return output.item()


loss = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
for epoch in range(5):
    cost = sum(train(model, loss, optimizer, *names()) for _ in range(120)) / 120
    print(f"Epoch {epoch + 1}, cost = {cost:.3f}")
