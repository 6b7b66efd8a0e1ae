"""A scheduler that once followed a score, the higher the better, was given the loss and left in the
same mode: the better it went, the smaller the rate."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5137)
torch.set_num_threads(1)


class Genome(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 16, 3, padding=1)
        self.rnn = nn.LSTM(16, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        features = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.out(self.rnn(features)[0].mean(1))[:, 0]


def reads(n=32, t=16):
    bases = torch.randint(0, 4, (n, t))
    y = (torch.rand(n) < 0.5).float()
    at = torch.randint(0, t - 3, (n,))
    for k, base in enumerate((1, 3, 0)):
        rows = y > 0
        bases[rows, at[rows] + k] = base
    return torch.eye(4)[bases], y


class TrainModel:
    def __init__(self):
        self.model = Genome()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=4e-3)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, mode="min" if FIXED else "max", patience=1, factor=0.3
        )
        self.criterion = nn.BCEWithLogitsLoss()

    def train_and_validate(self, reports=16, every=40):
        for report in range(reports):
            for _ in range(every):
                x, y = reads()
                loss = self.criterion(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            with torch.no_grad():
                x, y = reads(400)
                valid = self.criterion(self.model(x), y).item()
            self.scheduler.step(valid)
            if report % 4 == 3:
                print(f"report {report + 1} validation loss {valid:.4f}")


TrainModel().train_and_validate()
