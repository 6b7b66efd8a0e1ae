"""The model is put into eval mode to be validated every twenty steps, and nobody puts it back. With the
dropout asleep for good, a small data set is learned by heart and validation turns for the worse."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(7215)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(60, 32)
        self.drop = nn.Dropout(0.5)
        self.rnn = nn.GRU(32, 32, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        return self.out(self.drop(self.rnn(self.drop(self.embed(x)))[0].mean(1)))


good = torch.rand(60) < 0.5


def texts(n):
    x = torch.randint(0, 60, (n, 12))
    y = good[x].float().mean(1) > 0.5
    return x, (y ^ (torch.rand(n) < 0.1)).long()


class TrainManager:
    def __init__(self):
        self.model = Tagger()
        self.loss = nn.CrossEntropyLoss()
        self.opt = torch.optim.Adam(self.model.parameters(), lr=1.5e-3)
        self.train_iter = DataLoader(TensorDataset(*texts(240)), 16, shuffle=True)
        self.valid = texts(300)
        self.steps = 0

    def validate(self):
        self.model.eval()
        with torch.no_grad():
            x, y = self.valid
            return self.loss(self.model(x), y).item()

    def run(self, epochs):
        self.model.train()
        for _ in range(epochs):
            for x, y in self.train_iter:
                loss = self.loss(self.model(x), y)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                self.steps += 1
                if self.steps % 20 == 0:
                    valid = self.validate()
                    if FIXED:
                        self.model.train()
                    if self.steps % 60 == 0:
                        print(self.steps, f"train {loss.item():.3f} valid {valid:.3f}")


TrainManager().run(24)
