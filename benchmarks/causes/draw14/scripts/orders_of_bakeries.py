"""How many loaves a bakery will sell tomorrow, from four weeks of sales, weather and weekday."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(48)
torch.set_num_threads(1)
DAYS = 28


class Sales(Dataset):
    """Sales, warmth and weekday of four weeks; the target is the number of loaves tomorrow."""

    def __init__(self, n):
        weekday = (torch.arange(DAYS + 1) + torch.randint(7, (n, 1))) % 7
        week = torch.tensor([0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 0.3])[weekday]
        warm = torch.randn(n, DAYS + 1).cumsum(1) * 0.3
        base = 0.7 + 0.6 * torch.rand(n, 1)
        sold = 20000 * base * week * (1 - 0.1 * warm.tanh())
        sold = sold * (1 + 0.03 * torch.randn(n, DAYS + 1))
        onehot = nn.functional.one_hot(weekday, 7).float()
        scaled = (sold - 18000) / 8000
        self.x = torch.cat([scaled[:, :-1, None], warm[:, :-1, None], onehot[:, 1:]], 2)
        self.y = sold[:, -1:]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(9, 32, batch_first=True)
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


train, test = Sales(1600), Sales(300)
shift, scale = (train.y.mean(), train.y.std()) if "--fixed" in sys.argv else (0.0, 1.0)
train.y = (train.y - shift) / scale

model = Forecast()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loader = DataLoader(train, batch_size=32, shuffle=True)
for epoch in range(1, 11):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        off = (model(test.x) * scale + shift - test.y).abs().mean().item()
    mean_off = (test.y - test.y.mean()).abs().mean().item()
    print(f"epoch {epoch} loss {total:.5g} off by {off:.0f} loaves (the mean: {mean_off:.0f})")
