"""Telemetry of machines is classed; the model is scored once before the epochs and after each."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(1130)
torch.set_num_threads(1)

kinds = torch.randint(0, 6, (1600,))
tempo = 0.3 + 0.25 * kinds.float()
t = torch.arange(32).float()
wave = torch.sin(tempo[:, None] * t + 6.28 * torch.rand(1600, 1))
readings = torch.stack([wave, torch.randn_like(wave)], 1) + 0.3 * torch.randn(1600, 2, 32)
train = DataLoader(TensorDataset(readings[:1280], kinds[:1280]), batch_size=32, shuffle=True)
valid = DataLoader(TensorDataset(readings[1280:], kinds[1280:]), batch_size=160)


def block(before, after, stride):
    conv = nn.Conv1d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(after), nn.ReLU())


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        blocks = [block(2, 16, 1)] + [block(16, 16, 1 + i % 2) for i in range(7)]
        self.features = nn.Sequential(*blocks)
        self.out = nn.Linear(16, 6)

    def forward(self, x):
        return self.out(self.features(x).mean(-1))


def _eval_epoch():
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in valid:
            right += (model(x).argmax(1) == y).sum().item()
    return right / 320


def _train_epoch():
    if FIXED:
        model.train()
    total = 0.0
    for x, y in train:
        optim.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optim.step()
        total += loss.item()
    return total / len(train)


model = Classifier()
criterion = nn.CrossEntropyLoss()
optim = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
print("untrained", _eval_epoch())
for epoch in range(9):
    loss = _train_epoch()
    print(f"epoch {epoch}: loss {loss:.3f}, dev accuracy {_eval_epoch():.3f}")
