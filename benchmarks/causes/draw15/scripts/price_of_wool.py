"""The price of wool at the next auction, from the last dozen auctions."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1554)
torch.set_num_threads(1)
AUCTIONS, WINDOW = 2600, 12
OF_CHANGES = "--fixed" in sys.argv


def prices():
    """Moves swing: a rise is mostly given back two auctions later."""
    noise = torch.randn(AUCTIONS)
    move, price = torch.zeros(AUCTIONS), torch.zeros(AUCTIONS)
    for t in range(2, AUCTIONS):
        move[t] = 0.45 * move[t - 1] - 0.6 * move[t - 2] + noise[t]
        price[t] = 0.999 * price[t - 1] + move[t]
    return price * 4 + 600


class Auctions(Dataset):
    def __init__(self, price, mean, std):
        self.price = price
        series = (price[1:] - price[:-1]) if OF_CHANGES else price[1:]
        self.series = (series - mean) / std

    def __len__(self):
        return len(self.series) - WINDOW

    def __getitem__(self, i):
        return self.series[i : i + WINDOW].unsqueeze(-1), self.series[i + WINDOW]


class PriceNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.fc = nn.Linear(size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out[:, -1]).squeeze(-1)


price = prices()
cut = 2000
basis = price[1:cut] - price[: cut - 1] if OF_CHANGES else price[:cut]
mean, std = basis.mean(), basis.std()
train, test = Auctions(price[:cut], mean, std), Auctions(price[cut:], mean, std)
loader = DataLoader(train, batch_size=32, shuffle=True)
model = PriceNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
x_test, y_test = (torch.stack(part) for part in zip(*test, strict=True))
before = test.price[WINDOW:-1]
after = test.price[WINDOW + 1 :]
for epoch in range(1, 11):
    losses = []
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        told = model(x_test) * std + mean + (before if OF_CHANGES else 0)
    error = (told - after).pow(2).mean() / (before - after).pow(2).mean()
    right = ((told - before).sign() == (after - before).sign()).float().mean()
    print(
        f"epoch {epoch} loss {sum(losses) / len(losses):.4f} error against last price {error:.3f} "
        f"direction right {right:.3f}"
    )
