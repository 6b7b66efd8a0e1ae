"""The last module of a small sequential net is a softmax, and the loss has one inside. With forty
classes all that comes through the first of them is nearly flat, and training crawls."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7150)
torch.set_num_threads(1)

CLASSES = 40


class LastStep(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.rnn = nn.RNN(CLASSES, width)

    def forward(self, x):
        return self.rnn(x)[0][-1]


def build():
    model = nn.Sequential()
    model.add_module("rnn", LastStep(48))
    model.add_module("fc", nn.Linear(48, CLASSES))
    if not FIXED:
        model.add_module("softmax", nn.Softmax(dim=1))
    return model


def train(model, loss, optimizer, x, y):
    optimizer.zero_grad()
    output = loss(model(x), y)
    output.backward()
    optimizer.step()
    return output.item()


model = build()
loss = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
cost = 0.0
for i in range(500):
    symbols = torch.randint(0, CLASSES, (8, 32))
    x = nn.functional.one_hot(symbols, CLASSES).float()
    cost += train(model, loss, optimizer, x, symbols[-2])
    if i % 100 == 99:
        print(f"iteration {i + 1}, cost {cost / 100:.3f}")
        cost = 0.0
