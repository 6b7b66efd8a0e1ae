"""Gaits of a horse from a sensor at its girth: convolution, GRU, mean over time, one of four gaits."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1605)
torch.set_num_threads(1)
BEATS = [4, 2, 3, 5]


class Rides(Dataset):
    def __init__(self, n, points=48):
        self.gait = torch.randint(0, 4, (n,))
        beats = torch.tensor(BEATS)[self.gait].float()
        t = torch.linspace(0, 1, points)
        pace = 2.0 + 0.5 * torch.rand(n, 1)
        phase = 2 * math.pi * torch.rand(n, 1)
        stride = 2 * math.pi * pace * t + phase
        up = torch.sin(stride) + 0.8 * torch.sin(beats.unsqueeze(1) * stride)
        ahead = torch.cos(stride) + 0.3 * torch.randn(n, points)
        self.x = torch.stack([up + 0.3 * torch.randn(n, points), ahead], dim=1)

    def __len__(self):
        return len(self.gait)

    def __getitem__(self, i):
        return self.x[i], self.gait[i]


class GaitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 16, 5, stride=2)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.fc = nn.Linear(32, 4)

    def forward(self, x):
        x = torch.relu(self.conv(x)).transpose(1, 2)
        return self.fc(self.gru(x)[0].mean(1))


def train_one_epoch(model, loader, criterion, optimizer):
    running = 0.0
    optimizer.zero_grad()
    for x, gait in loader:
        if "--fixed" in sys.argv:
            optimizer.zero_grad()
        loss = criterion(model(x), gait)
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running / len(loader)


loader = DataLoader(Rides(1280), batch_size=32, shuffle=True)
test = Rides(400)
model = GaitNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
for epoch in range(1, 12):
    loss = train_one_epoch(model, loader, criterion, optimizer)
    with torch.no_grad():
        right = (model(test.x).argmax(1) == test.gait).float().mean().item()
    print(f"epoch {epoch} loss {loss:.4f} test right {right:.3f}")
