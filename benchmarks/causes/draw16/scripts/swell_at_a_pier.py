"""How high does the water stand at the next reading of a gauge? Swells of many periods."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
torch.set_num_threads(1)
READINGS, SIZE = 24, 40


def gauges(n):
    """One row for each gauge: its readings, and the one that comes after them."""
    t = torch.arange(READINGS + 1)
    period = 6 + 8 * torch.rand(n, 1)
    height = 0.5 + torch.rand(n, 1)
    rows = height * torch.sin(2 * math.pi * (t / period + torch.rand(n, 1)))
    rows = rows + 0.03 * torch.randn_like(rows)
    return TensorDataset(rows[:, :-1].contiguous(), rows[:, -1].contiguous())


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, SIZE, num_layers=2)
        self.linear = nn.Linear(SIZE, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[-1]).squeeze(1)


def time_first(rows):
    if "--fixed" in sys.argv:
        return rows.t().unsqueeze(2)
    return rows.view(READINGS, -1, 1)


def test_error(model, loader):
    model.eval()
    with torch.no_grad():
        errors = [((model(time_first(x)) - y) ** 2).mean() for x, y in loader]
    model.train()
    return torch.stack(errors).mean().item()


train = DataLoader(gauges(1920), batch_size=32, shuffle=True)
test = DataLoader(gauges(320), batch_size=32)
model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 13):
    total = 0.0
    for x, y in train:
        loss = criterion(model(time_first(x)), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} test {test_error(model, test):.4f}")
