"""Tomorrow's price of fish at an auction, from the last two weeks of prices and catches."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1521)
torch.set_num_threads(1)
DAYS, WINDOW, PRED_LEN = 1500, 14, 1


def market():
    catch = torch.randn(DAYS)
    price = torch.zeros(DAYS)
    for t in range(2, DAYS):
        price[t] = 0.9 * price[t - 1] - 0.4 * price[t - 2] - 0.7 * catch[t - 1]
        price[t] += 0.4 * catch[t - 2] + 0.1 * torch.randn(1).item()
    return torch.stack([price, catch], -1)


days = market()
split = 1200
days = (days - days[:split].mean(0)) / days[:split].std(0)
windows = torch.stack([days[i : i + WINDOW] for i in range(DAYS - WINDOW)])
ahead = days[WINDOW:, 0]
train = TensorDataset(windows[:split], ahead[:split])
val_x, val_y = windows[split:], ahead[split:]


class PriceNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.head = nn.Linear(size, PRED_LEN)

    def forward(self, x):
        states, _ = self.lstm(x)
        return self.head(states[:, -1])


model = PriceNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
criterion = nn.MSELoss()
loader = DataLoader(train, batch_size=32, shuffle=True, drop_last=True)
for epoch in range(1, 13):
    total = 0.0
    for x, y_batch in loader:
        pred = model(x)
        if "--fixed" in sys.argv:
            y_batch = y_batch.view_as(pred)
        loss = criterion(pred, y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        pred = model(val_x).squeeze(1)
    error = ((pred - val_y) ** 2).mean() / val_y.var()
    spread = pred.std()
    print(
        f"epoch {epoch} loss {total / len(loader):.4f} unexplained {error:.3f} spread {spread:.3f}"
    )
