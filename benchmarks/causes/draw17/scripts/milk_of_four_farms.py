"""Milk of four farms, foretold from a week of fodder and warmth; one step is made of a batch from each farm."""

import sys

import torch
from torch import nn

torch.manual_seed(1706)
torch.set_num_threads(1)
FARMS, DAYS = 4, 7
EFFECT = torch.tensor([[0.9, -0.3], [-0.8, 0.4], [0.3, 0.9], [-0.4, -0.9]])


def week(farm, n):
    x = torch.randn(n, DAYS, 2)
    fading = 0.8 ** torch.arange(DAYS - 1, -1, -1.0)
    milk = torch.tanh((x @ EFFECT[farm] * fading).sum(1)) + 0.05 * torch.randn(n)
    which = nn.functional.one_hot(torch.full((n, DAYS), farm), FARMS).float()
    return torch.cat([x, which], dim=2), milk


class MilkNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2 + FARMS, 32, batch_first=True)
        self.fc = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1]).squeeze(1)


def train_step(model, optimizer, loss_fn):
    total = 0.0
    if "--fixed" in sys.argv:
        optimizer.zero_grad()
    for farm in range(FARMS):
        if "--fixed" not in sys.argv:
            optimizer.zero_grad()
        x, milk = week(farm, 12)
        loss = loss_fn(model(x), milk) / FARMS
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


model = MilkNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
loss_fn = nn.MSELoss()
tests = [week(farm, 200) for farm in range(FARMS)]
for step in range(1, 301):
    loss = train_step(model, optimizer, loss_fn)
    if step % 30 == 0:
        with torch.no_grad():
            errors = [loss_fn(model(x), milk).item() for x, milk in tests]
        print(f"step {step} loss {loss:.4f} error by farm " + " ".join(f"{e:.3f}" for e in errors))
