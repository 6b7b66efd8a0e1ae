"""Faults of machines from raw sensors; a first check of the validation set comes before training."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10030)
torch.set_num_threads(1)


class FaultNet(nn.Module):
    def __init__(self, sensors=5, classes=4):
        super().__init__()
        self.norm = nn.BatchNorm1d(sensors)
        self.gru = nn.GRU(sensors, 32, batch_first=True)
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.fc(self.gru(x)[1][-1])


centre = torch.tensor([120.0, -95.0, 80.0, 60.0, -150.0])
spread = torch.tensor([4.0, 3.0, 3.0, 2.0, 5.0])
shapes = torch.randn(4, 12, 5)


def draw(n):
    y = torch.randint(0, 4, (n,))
    x = shapes[y] + 1.5 * torch.randn(n, 12, 5)
    return x * spread + centre, y


valid_x, valid_y = draw(256)


def validate(model):
    model.eval()
    with torch.no_grad():
        accuracy = (model(valid_x).argmax(1) == valid_y).float().mean().item()
    if FIXED:
        model.train()
    return accuracy


model = FaultNet()
print(f"before training: {validate(model):.3f}")
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(400):
    x, y = draw(32)
    loss = F.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (step + 1) % 100 == 0:
        print(f"{step + 1} loss {loss.item():.4f} valid {validate(model):.3f}")
