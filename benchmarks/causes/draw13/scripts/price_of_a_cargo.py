"""What a cargo will fetch in roubles, from twelve weeks of demand and stock."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1348)
torch.set_num_threads(1)


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.price = nn.Linear(32, 1)

    def forward(self, weeks):
        _, (h, _) = self.lstm(weeks)
        return self.price(h[-1]).squeeze(1)


def cargos(n, length=12):
    demand = torch.randn(n, 1) + 0.4 * torch.randn(n, length).cumsum(1)
    stock = torch.randn(n, 1) + 0.4 * torch.randn(n, length).cumsum(1)
    weight = torch.linspace(0.2, 1, length)
    tight = ((demand - stock) * weight).mean(1)
    price = 84000 + 21000 * torch.tanh(tight) + 800 * torch.randn(n)
    return torch.stack([demand, stock], -1), price


weeks, price = cargos(1600)
weeks_test, price_test = cargos(400)
middle, spread = 0.0, 1.0
if "--fixed" in sys.argv:
    middle, spread = price.mean().item(), price.std().item()
loader = DataLoader(TensorDataset(weeks, (price - middle) / spread), batch_size=32, shuffle=True)
model = PriceNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 13):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        guess = model(weeks_test) * spread + middle
        miss = (guess - price_test).abs().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4g} off by {miss:.0f} roubles")
