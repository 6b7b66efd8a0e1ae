"""What is a cargo worth at the quay, after a voyage of spoilings and gains? The worth is in crowns."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1748)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
DAYS = 15


def voyages(n):
    days = torch.randn(n, DAYS, 3)
    change = 0.03 * days[..., 0] + 0.02 * days[..., 1] * (days[..., 2] > 0)
    crowns = 4200.0 * torch.exp(change.sum(1))
    return days, crowns


class CargoNet(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.gru = nn.GRU(3, size, num_layers=2, batch_first=True)
        self.worth = nn.Linear(size, 1)

    def forward(self, days):
        _, last = self.gru(days)
        return self.worth(last[-1]).squeeze(1)


days, crowns = voyages(800)
mean, std = (crowns.mean(), crowns.std()) if FIXED else (torch.tensor(0.0), torch.tensor(1.0))
loader = DataLoader(TensorDataset(days, (crowns - mean) / std), batch_size=32, shuffle=True)
fresh_days, fresh_crowns = voyages(300)
usual = (fresh_crowns - crowns.mean()).abs().mean().item()
print(f"who always says the mean is off by {usual:.0f} crowns")
model = CargoNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 15):
    total = 0.0
    for some_days, worth in loader:
        loss = nn.functional.mse_loss(model(some_days), worth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 2 == 0:
        with torch.no_grad():
            off = (model(fresh_days) * std + mean - fresh_crowns).abs().mean().item()
        print(f"epoch {epoch} loss {total / len(loader):.4f} off by {off:.0f} crowns")
