"""Which of twenty meadows a bee tells of, from the run of her dance: a two-way GRU whose outputs are averaged."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1707)
torch.set_num_threads(1)
MEADOWS, LENGTH = 20, 24


def dances(n):
    """Five directions of the waggle and four durations make a meadow; every bee has a start and noise of her own."""
    meadow = torch.randint(0, MEADOWS, (n,))
    angle = 2 * math.pi * (meadow % 5).float() / 5 + 0.12 * torch.randn(n)
    period = 4.0 + 1.5 * (meadow // 5).float()
    t = torch.arange(LENGTH).float() + 6 * torch.rand(n, 1)
    waggle = torch.sin(2 * math.pi * t / period[:, None])
    path = torch.stack(
        [waggle * angle.cos()[:, None], waggle * angle.sin()[:, None], waggle.abs()], dim=2
    )
    return path + 0.1 * torch.randn_like(path), meadow


class DanceReader(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.gru = nn.GRU(3, hidden, batch_first=True, bidirectional=True)
        self.hidden_layer = nn.Linear(2 * hidden, 48)
        self.out = nn.Linear(48, MEADOWS)

    def forward(self, path):
        pooled = self.gru(path)[0].mean(dim=1)
        out = self.out(torch.relu(self.hidden_layer(pooled)))
        if "--fixed" not in sys.argv:
            out = torch.softmax(out, dim=1)
        return out


train = DataLoader(TensorDataset(*dances(1600)), batch_size=40, shuffle=True)
test_path, test_meadow = dances(400)
model = DanceReader()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(1, 16):
    model.train()
    total = 0.0
    for path, meadow in train:
        optimizer.zero_grad()
        loss = criterion(model(path), meadow)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(meadow)
    model.eval()
    with torch.no_grad():
        right = (model(test_path).argmax(1) == test_meadow).float().mean().item()
    print(f"epoch {epoch} loss {total / 1600:.4f} right of the test {right:.3f}")
