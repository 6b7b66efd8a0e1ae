"""Summaries of sensor logs are learnt; the losses of training and of a check are noted for the report."""

import resource
import sys

import torch
from torch import nn

torch.manual_seed(1223)
torch.set_num_threads(1)


class Summary(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(4, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, 3)

    def forward(self, logs):
        return self.out(self.gru(logs)[0][:, -1])


def logs(n=32, steps=30):
    """Mean of the first sensor, peak of the second, last value of the third are wanted."""
    x = torch.randn(n, steps, 4).cumsum(1) / 4
    return x, torch.stack([x[..., 0].mean(1), x[..., 1].amax(1), x[:, -1, 2]], 1)


class History:
    def __init__(self):
        self.train, self.check = [], []

    def note(self, train_loss, check_loss):
        if "--fixed" in sys.argv:
            train_loss, check_loss = train_loss.item(), check_loss.item()
        self.train.append(train_loss)
        self.check.append(check_loss)

    def mean(self, last):
        train, check = sum(self.train[-last:]) / last, sum(self.check[-last:]) / last
        return float(train), float(check)


model = Summary()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.MSELoss()
history = History()
check_x, check_y = logs(12)
for step in range(1, 501):
    x, y = logs()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.note(loss, criterion(model(check_x), check_y))
    if step % 100 == 0:
        train, check = history.mean(100)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"step {step} train {train:.4f} check {check:.4f} memory {held:.0f} MB")
