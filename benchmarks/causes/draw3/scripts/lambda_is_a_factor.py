"""The loss crept. The function for the schedule returned the rate itself, and the scheduler
multiplies the rate by what is returned."""

import sys

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(21)
torch.set_num_threads(1)
base = 1e-3


def rate(epoch):
    return base * 0.95**epoch


x = torch.randn(1280, 12, 4).cumsum(1) * 0.3
y = (x[:, -1, 0] > x[:, 5, 1]).long()


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.gru = nn.GRU(4, 32, batch_first=True)
        self.fc = nn.Linear(32, 2)

    def forward(self, x):
        return self.fc(self.gru(self.norm(x))[0][:, -1])


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=base)
scheduler = LambdaLR(optimizer, (lambda e: rate(e) / base) if FIXED else rate)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(epoch, f"{loss.item():.4f}", scheduler.get_last_lr())
