"""The pen's way over a tablet tells whose of five signatures it is."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1335)
torch.set_num_threads(1)
WRITERS = 5
shapes = torch.randn(WRITERS, 4, 2)


class Signatures(Dataset):
    def __init__(self, n, length=40):
        self.writer = torch.randint(0, WRITERS, (n,))
        t = torch.linspace(0, 1, length)[None, :, None] + 0.03 * torch.randn(n, 1, 1)
        shape = shapes[self.writer] + 0.45 * torch.randn(n, 4, 2)
        parts = [
            shape[:, k, None] * torch.sin(2 * math.pi * (k + 1) * t + k) / (k + 1) for k in range(4)
        ]
        way = sum(parts)
        self.pen = way[:, 1:] - way[:, :-1]
        self.pen = 5 * self.pen + 0.3 * torch.randn_like(self.pen)

    def __len__(self):
        return len(self.writer)

    def __getitem__(self, i):
        return self.pen[i], self.writer[i]


class SignNet(nn.Module):
    def __init__(self, size=20):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True, bidirectional=True)
        self.who = nn.Linear(2 * size, WRITERS)

    def forward(self, pen):
        out, _ = self.gru(pen)
        return self.who(out.mean(1))


def train_one_epoch(model, loader, optimizer, scheduler):
    total = 0.0
    for pen, writer in loader:
        loss = nn.functional.cross_entropy(model(pen), writer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if "--fixed" not in sys.argv:
            scheduler.step()
        total += loss.item() / len(loader)
    if "--fixed" in sys.argv:
        scheduler.step()
    return total


loader = DataLoader(Signatures(1280), batch_size=32, shuffle=True)
test = Signatures(400)
model = SignNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
for epoch in range(1, 13):
    loss = train_one_epoch(model, loader, optimizer, scheduler)
    with torch.no_grad():
        acc = (model(test.pen).argmax(1) == test.writer).float().mean().item()
    rate = scheduler.get_last_lr()[0]
    print(f"epoch {epoch:2d} rate {rate:.1e} loss {loss:.4f} test acc {acc:.3f}")
