"""The price of herring, day by day: a long slow drift and a small weekly swing; an LSTM foretells tomorrow's price."""

import sys

import torch
from torch import nn

torch.manual_seed(1754)
torch.set_num_threads(1)
DAYS, LOOK_BACK = 1600, 14

shock = 0.3 * torch.randn(DAYS)
week = torch.tensor([1.0, -1.2, 0.9, -0.7, 1.1, -1.4, 0.3])
change = week[torch.arange(DAYS) % 7] + shock
drift = 0.4 * torch.sin(torch.arange(DAYS) / 120.0)
price = 120.0 + torch.cumsum(change + drift, dim=0)
scaled = (price - price.min()) / (price.max() - price.min())
step_size = (price[1:] - price[:-1]).std()


def windows(series):
    x = series.unfold(0, LOOK_BACK + 1, 1)
    return x[:, :-1].unsqueeze(2), x[:, -1:]


if "--fixed" in sys.argv:
    x, y = windows((price[1:] - price[:-1]) / step_size)
else:
    x, y = windows(scaled[1:])
today, tomorrow = price[LOOK_BACK:-1], price[LOOK_BACK + 1 :]
cut = 1200


class PriceLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


def forecast(x, today):
    out = model(x).squeeze(1)
    if "--fixed" in sys.argv:
        return today + out * step_size
    return out * (price.max() - price.min()) + price.min()


model = PriceLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
today, tomorrow = today[-len(x) :], tomorrow[-len(x) :]
naive = (today[cut:] - tomorrow[cut:]).pow(2).mean().item()
for step in range(1, 401):
    pick = torch.randint(0, cut, (32,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[pick]), y[pick])
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            error = (forecast(x[cut:], today[cut:]) - tomorrow[cut:]).pow(2).mean().item()
        print(
            f"step {step} loss {loss.item():.5f} test {error:.3f} today's price again {naive:.3f}"
        )
