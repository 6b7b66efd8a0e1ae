"""The next closing price of a share from the last twenty, scaled by the least and the greatest."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1354)
torch.set_num_threads(1)
LOOK_BACK = 20


def closing(days=2000):
    """Moves of a share that swing to and fro within a week, on top of a long way up and down."""
    move, prices = [0.0, 0.5], [400.0, 400.5]
    for _ in range(days):
        move.append(0.6 * move[-1] - 0.75 * move[-2] + 0.5 * torch.randn(1).item())
        drift = 0.08 * torch.sin(torch.tensor(len(prices) / 160.0)).item()
        prices.append(prices[-1] + move[-1] + drift)
    return torch.tensor(prices)


def windows(series):
    rows = series.unfold(0, LOOK_BACK + 1, 1)
    return rows[:, :-1, None], rows[:, -1:]


class PriceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


prices = closing()
if "--fixed" in sys.argv:
    series = prices[1:] - prices[:-1]
    low, span = series.mean(), series.std()
else:
    series = prices
    low, span = prices.min(), prices.max() - prices.min()
x, y = windows((series - low) / span)
order = torch.randperm(len(x))
test, rest = order[:400], order[400:]
loader = DataLoader(TensorDataset(x[rest], y[rest]), batch_size=32, shuffle=True)
model = PriceModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 14)
# the same error for whoever says "as today"
now = x[test, -1] if "--fixed" not in sys.argv else -low / span
naive = ((y[test] - now) * span).pow(2).mean().sqrt().item()
for epoch in range(1, 15):
    total = 0.0
    for seen, then in loader:
        loss = nn.functional.mse_loss(model(seen), then)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    schedule.step()
    with torch.no_grad():
        said = model(x[test])
        off = ((said - y[test]) * span).pow(2).mean().sqrt().item()
        lag = ((said - now) * span).pow(2).mean().sqrt().item()
    print(
        f"epoch {epoch:2d} loss {total:.6f} off by {off:.3f}, today {naive:.3f}, from it {lag:.3f}"
    )
