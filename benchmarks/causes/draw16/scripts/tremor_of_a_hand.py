"""Tremor of a hand on a drawing board: fast, slow or none, by convolution, GRU and a head of two layers."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1653)
torch.set_num_threads(1)
POINTS = 48


def drawings(n):
    kind = torch.randint(0, 3, (n,))
    t = torch.linspace(0, 1, POINTS)
    pace = torch.tensor([0.0, 5.0, 9.0])[kind].unsqueeze(1) * (0.9 + 0.2 * torch.rand(n, 1))
    shake = 0.5 * torch.sin(2 * math.pi * (pace * t + torch.rand(n, 1))) * kind.gt(0).unsqueeze(1)
    stroke = (torch.rand(n, 1) - 0.5) * 2 * t + 0.15 * torch.randn(n, POINTS)
    return (stroke + shake).unsqueeze(1), kind


class TremorNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, kernel_size=5, stride=2, padding=2)
        self.rnn = nn.GRU(12, size, batch_first=True)
        self.head = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 3))
        if "--fixed" not in sys.argv:
            nn.init.zeros_(self.head[0].weight)
            nn.init.zeros_(self.head[0].bias)
        nn.init.zeros_(self.head[2].weight)
        nn.init.zeros_(self.head[2].bias)

    def forward(self, x):
        x = torch.relu(self.conv(x)).transpose(1, 2)
        return self.head(self.rnn(x)[0].mean(dim=1))


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-3)

    def step(self, x, kind):
        loss = nn.functional.cross_entropy(self.model(x), kind)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def accuracy(self, x, kind):
        return (self.model(x).argmax(1) == kind).float().mean().item()


trainer = Trainer(TremorNet(), lr=4e-3)
test = drawings(300)
for step in range(1, 321):
    loss = trainer.step(*drawings(32))
    if step % 40 == 0:
        print(f"step {step} loss {loss:.4f} test right {trainer.accuracy(*test):.3f}")
