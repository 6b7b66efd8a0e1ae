"""Rows of a table, ordered by date, are read by a GRU; the rate falls by a fifth after each epoch."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(8129)
torch.set_num_threads(1)

x = torch.randn(720, 10, 5)
y = torch.tanh(x[:, :, 0].sum(1) / 2) + x[:, -1, 1] * x[:, -2, 2] / 2


class BudgetTrainer:
    def __init__(self):
        self.backbone = nn.GRU(5, 40, batch_first=True)
        self.head = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
        weights = [*self.backbone.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.AdamW(weights, lr=6e-3)
        self.scheduler = ExponentialLR(self.optimizer, gamma=0.8)

    def step(self, rows):
        self.optimizer.zero_grad()
        out = self.head(self.backbone(x[rows])[1][0])[:, 0]
        loss = nn.functional.mse_loss(out, y[rows])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def epoch(self):
        total = []
        for rows in torch.randperm(len(x)).split(30):
            total.append(self.step(rows))
            if not FIXED:
                self.scheduler.step()
        if FIXED:
            self.scheduler.step()
        return sum(total) / len(total)


trainer = BudgetTrainer()
for number in range(1, 13):
    print(f"epoch {number} loss {trainer.epoch():.4f}")
