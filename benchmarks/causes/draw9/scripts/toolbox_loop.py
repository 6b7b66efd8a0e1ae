"""A training loop out of a toolbox, with callbacks, for an LSTM that watches moving points."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9009)
torch.set_num_threads(1)
GRADIENT_CLIP = 1.0 if FIXED else 2e-3


class Tracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 32, batch_first=True)
        self.pose = nn.Linear(32, 2)

    def forward(self, x):
        return self.pose(self.lstm(x)[0])


class TrainLoop:
    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion
        self.callbacks = []

    def train(self, batches):
        for i, (x, y) in enumerate(batches):
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_CLIP)
            self.optimizer.step()
            for callback in self.callbacks:
                callback(i, loss.item())


def batches(n):
    for _ in range(n):
        velocity = torch.randn(32, 16, 2) * 0.3
        position = velocity.cumsum(1)
        seen = torch.cat([velocity, 0.1 * torch.randn(32, 16, 2)], -1)
        yield seen, position


model = Tracker()
loop = TrainLoop(model, torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9), nn.MSELoss())
loop.callbacks.append(lambda i, v: i % 80 == 79 and print(f"[{i + 1}] loss {v:.4f}"))
loop.train(batches(400))
