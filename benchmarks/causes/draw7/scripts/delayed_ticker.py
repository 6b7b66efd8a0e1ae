"""The return of a share depends on what its sector did the day before, but only its own price was put
into the table. Of the price alone the best forecast is the price itself, and the curve is a day late."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7343)
torch.set_num_threads(1)

DAYS, WINDOW = 2000, 12
sector = 0.3 * torch.randn(DAYS)
price = torch.zeros(DAYS)
for day in range(1, DAYS):
    price[day] = 0.995 * price[day - 1] + sector[day - 1] + 0.03 * torch.randn(())
scale = price.std()
price = price / scale
table = price[:, None] if not FIXED else torch.stack([price, sector / sector.std()], 1)


class StockNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.GRU(table.size(1), 32, batch_first=True)
        self.price = nn.Linear(32, 1)

    def forward(self, x):
        return self.price(self.layers(x)[0][:, -1])[:, 0]


net = StockNN()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(600):
    at = torch.randint(0, DAYS - WINDOW - 1, (32,))
    x = torch.stack([table[i : i + WINDOW] for i in at.tolist()])
    y = price[at + WINDOW]
    guess = net(x)
    loss = (guess - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 99:
        late = (x[:, -1, 0] - y).pow(2).mean().item()
        print(f"{step + 1} mse {loss.item():.5f} yesterday's price {late:.5f}")
