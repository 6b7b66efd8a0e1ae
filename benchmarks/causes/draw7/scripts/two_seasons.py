"""One value of the past is all that the net is given, of a series with two seasons in it. It learns that
tomorrow is much like today, and its curve looks like the true one moved by a step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7308)
torch.set_num_threads(1)

LOOK_BACK = 20 if FIXED else 1
t = torch.arange(2400.0)
series = torch.sin(0.1 * t) + torch.sin(0.23 * t) + 0.05 * torch.randn(2400)
series = series / series.std()
train, valid = series[:1900], series[1900:]


def windows(part):
    rows = part.unfold(0, LOOK_BACK + 1, 1)
    return rows[:, :-1, None], rows[:, -1:]


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


model = Forecast()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
x, y = windows(train)
vx, vy = windows(valid)
for step in range(400):
    pick = torch.randint(0, len(x), (32,))
    loss = nn.functional.mse_loss(model(x[pick]), y[pick])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 79:
        with torch.no_grad():
            held = nn.functional.mse_loss(model(vx), vy).item()
        same = (vy - vx[:, -1]).pow(2).mean().item()
        print(f"{step + 1} train {loss.item():.4f} valid {held:.4f} as yesterday {same:.4f}")
