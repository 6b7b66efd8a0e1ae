"""Daily weather is averaged into spans of ten days over the days that have a reading. Where a station
was silent for a whole span, that is nought divided by nought."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6101)
torch.set_num_threads(1)
rng = np.random.default_rng(6101)


def daily(n=480, days=120):
    season = rng.normal(size=(n, 1, 2)) * 0.8
    weather = season + rng.normal(size=(n, days, 2))
    seen = rng.random((n, days)) < 0.8
    for row, start in ((17, 20), (160, 70), (402, 100)):
        seen[row, start : start + 10] = False
    yields = 0.8 * weather[:, 30:90, 0].mean(1) - 0.5 * weather[:, 60:, 1].mean(1)
    return weather, seen, yields


def by_ten_days(weather, seen):
    n, days, columns = weather.shape
    weather = (weather * seen[..., None]).reshape(n, days // 10, 10, columns)
    counts = seen.reshape(n, days // 10, 10, 1).sum(2)
    if FIXED:
        counts = np.maximum(counts, 1)
    with np.errstate(invalid="ignore"):
        return weather.sum(2) / counts


class YieldLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 24, batch_first=True)
        self.fc = nn.Linear(24, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1])


weather, seen, yields = daily()
x = torch.tensor(by_ten_days(weather, seen), dtype=torch.float32)
y = torch.tensor(yields, dtype=torch.float32)[:, None]
loader = DataLoader(TensorDataset(x, y), batch_size=24, shuffle=True)
model = YieldLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(15):
    total = 0.0
    for bx, by in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(bx), by)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} mse {total / len(loader):.4f}")
