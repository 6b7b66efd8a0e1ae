"""Validation comes every few iterations and puts the network in eval mode; only a new epoch, which
is long, puts it back. Nearly all of the training goes without its dropout."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6120)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(10, 32, batch_first=True)
        self.drop1 = nn.Dropout(0.5)
        self.drop2 = nn.Dropout(0.5)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU())
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        h = self.drop2(self.rnn(self.drop1(x))[1][0][-1])
        return self.out(self.drop2(self.head(h)))


def data(n):
    y = torch.randint(0, 2, (n,))
    x = torch.randn(n, 8, 10) + 0.2 * (2 * y[:, None, None] - 1)
    flip = torch.rand(n) < 0.12
    return x, torch.where(flip, 1 - y, y)


class Trainer:
    def __init__(self, model, interval_validate=20):
        self.model, self.interval_validate = model, interval_validate
        self.optim = torch.optim.Adam(model.parameters(), lr=3e-3)
        self.train_x, self.train_y = data(240)
        self.val_x, self.val_y = data(400)
        self.iteration = 0

    def validate(self):
        self.model.eval()
        with torch.no_grad():
            score = self.model(self.val_x)
            loss = nn.functional.cross_entropy(score, self.val_y).item()
            acc = (score.argmax(1) == self.val_y).float().mean().item()
        print(f"iteration {self.iteration}: validation loss {loss:.3f} accuracy {acc:.3f}")
        if FIXED:
            self.model.train()

    def train_epoch(self, iterations):
        self.model.train()
        for _ in range(iterations):
            if self.iteration % self.interval_validate == 0:
                self.validate()
            rows = torch.randint(0, 240, (32,))
            loss = nn.functional.cross_entropy(self.model(self.train_x[rows]), self.train_y[rows])
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            self.iteration += 1


trainer = Trainer(Net())
for _ in range(2):
    trainer.train_epoch(180)
trainer.validate()
