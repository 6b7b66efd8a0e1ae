"""How much power does a village draw in the next quarter of an hour? Readings through an LSTM."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(54)
torch.set_num_threads(1)
LOOK_BACK = 20 if "--fixed" in sys.argv else 1


def readings(n):
    """Mills and ovens run in two cycles that drift against each other."""
    t = torch.arange(n).float()
    mill = torch.sin(2 * math.pi * t / 9.3)
    oven = 0.7 * torch.sin(2 * math.pi * t / 23.7 + 1.0)
    return (mill + oven + 0.05 * torch.randn(n)) / 1.2


class Windows(Dataset):
    """The last readings, and the one that follows them."""

    def __init__(self, series, look_back):
        self.x = series.unfold(0, look_back, 1)[:-1].unsqueeze(2)
        self.y = series[look_back:].unsqueeze(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class LSTMRegressor(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.dense = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.dense(out[:, -1])


series = readings(1700)
train = Windows(series[:1300], LOOK_BACK)
test = Windows(series[1300:], LOOK_BACK)
loader = DataLoader(train, batch_size=32, shuffle=True, drop_last=True)
model = LSTMRegressor()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.MSELoss()
for epoch in range(1, 11):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        error = criterion(model(test.x), test.y).item()
    last = criterion(test.x[:, -1], test.y).item()
    print(
        f"epoch {epoch} loss {total / len(loader):.4f} "
        f"test {error:.4f} (last reading kept: {last:.4f})"
    )
