"""The default rate of a labeller was divided by ten once in each of several changes, until it stood
at one millionth."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5139)
torch.set_num_threads(1)


class Sequence:
    def __init__(self, learning_rate=None, max_epoch=6):
        if learning_rate is None:
            learning_rate = 0.005 if FIXED else 0.000001
        self.max_epoch = max_epoch
        self.words = nn.Embedding(30, 20)
        self.bigru = nn.GRU(20, 20, bidirectional=True, batch_first=True)
        self.dense = nn.Linear(40, 4)
        modules = nn.ModuleList([self.words, self.bigru, self.dense])
        self.optimizer = torch.optim.Adam(modules.parameters(), lr=learning_rate)

    def scores(self, x):
        return self.dense(self.bigru(self.words(x))[0])

    def train(self, batches):
        for epoch in range(self.max_epoch):
            losses = []
            for x, y in batches():
                loss = nn.functional.cross_entropy(self.scores(x).transpose(1, 2), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            print(f"epoch {epoch + 1}/{self.max_epoch} loss {sum(losses) / len(losses):.4f}")


def batches(count=70, n=20, t=12):
    for _ in range(count):
        x = torch.randint(0, 30, (n, t))
        after = torch.cat([x[:, 1:], x[:, :1]], 1)
        yield x, (x % 2) * 2 + (after > 14).long()


Sequence().train(batches)
