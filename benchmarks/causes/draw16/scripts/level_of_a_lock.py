"""Level of the water in a canal lock: a stack of two LSTM cells tells the next five minutes from the last fourteen."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1633)
torch.set_num_threads(1)
PAST, AHEAD = 14, 5
cfg = {"lr": 8e-3, "gamma": 0.4, "n_steps": 2, "epochs": 12, "batches": 28}


def levels(n):
    t = torch.arange(PAST + AHEAD).float()
    period = 12 + 6 * torch.rand(n, 1)
    phase = 2 * math.pi * torch.rand(n, 1)
    tide = torch.sin(2 * math.pi * t / period + phase)
    level = tide + 0.03 * torch.randn(n, PAST + AHEAD)
    return level[:, :PAST], level[:, PAST:]


class LevelNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.lstm1 = nn.LSTMCell(1, size)
        self.lstm2 = nn.LSTMCell(size, size)
        self.linear = nn.Linear(size, AHEAD)

    def forward(self, past):
        zeros = torch.zeros(len(past), self.size)
        h1, c1, h2, c2 = zeros, zeros, zeros, zeros
        for level in past.split(1, dim=1):
            h1, c1 = self.lstm1(level, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
        return self.linear(h2)


def adjust_learning_rate(optimizer, epoch):
    times = epoch // cfg["n_steps"]
    if "--fixed" not in sys.argv:
        times = -times
    lr = cfg["lr"] * cfg["gamma"] ** times
    for group in optimizer.param_groups:
        group["lr"] = lr
    return lr


net = LevelNet()
optimizer = torch.optim.Adam(net.parameters(), lr=cfg["lr"])
test_past, test_next = levels(300)
for epoch in range(cfg["epochs"]):
    lr = adjust_learning_rate(optimizer, epoch)
    total = 0.0
    for _ in range(cfg["batches"]):
        past, following = levels(24)
        loss = nn.functional.mse_loss(net(past), following)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        error = nn.functional.mse_loss(net(test_past), test_next).item()
    print(f"epoch {epoch} lr {lr:.5f} loss {total / cfg['batches']:.4f} test {error:.4f}")
