"""Gradients are cleared once at the start of an epoch. Within it they add up from batch to batch, and
plain descent with momentum is thrown about."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6125)
torch.set_num_threads(1)


class Digits(nn.Module):
    def __init__(self, colours=3, hidden=32, classes=5):
        super().__init__()
        self.rnn = nn.RNN(colours, hidden, num_layers=1, batch_first=True)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.classify(out.mean(1))


patterns = torch.randn(5, 12, 3)


def get_loader(batches, size=24):
    for _ in range(batches):
        y = torch.randint(0, 5, (size,))
        yield patterns[y] + 0.8 * torch.randn(size, 12, 3), y


def train(epoch, model, optimizer):
    optimizer.zero_grad()
    total, correct, seen = 0.0, 0, 0
    for x, y in get_loader(50):
        if FIXED:
            optimizer.zero_grad()
        out = model(x)
        loss = nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        total += loss.item()
        correct += (out.argmax(1) == y).sum().item()
        seen += len(y)
    print(f"epoch {epoch} loss {total / 50:.3f} acc {correct / seen:.3f}")


model = Digits()
optimizer = torch.optim.SGD(model.parameters(), lr=0.08, momentum=0.9)
for epoch in range(8):
    train(epoch, model, optimizer)
