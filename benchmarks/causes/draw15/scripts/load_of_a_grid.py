"""The load of a town's grid in the next hour, in kilowatts, from a day of temperature, hour and weekday."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1548)
torch.set_num_threads(1)
DAY, HOURS = 24, 24 * 7 * 20


def town():
    hour = torch.arange(HOURS)
    daily = torch.sin(2 * math.pi * (hour - 8) / 24)
    free = ((hour // 24) % 7 >= 5).float()
    noise = torch.randn(HOURS)
    weather = torch.zeros(HOURS)
    for t in range(1, HOURS):
        weather[t] = 0.97 * weather[t - 1] + 0.24 * noise[t]
    warmth = weather + 0.5 * daily
    load = 41_000 + 6_500 * daily * (1 - 0.5 * free) - 4_000 * free - 3_500 * weather
    load = load + 400 * torch.randn(HOURS)
    clock = torch.stack((daily, torch.cos(2 * math.pi * (hour - 8) / 24), free, warmth), -1)
    return clock, load


def windows(clock, load):
    x = clock.unfold(0, DAY, 1).transpose(1, 2)
    return x, load[DAY - 1 :]


class LoadNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.GRU(4, size, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * size, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        _, hidden = self.rnn(x)
        return self.out(torch.relu(self.dense(torch.cat((hidden[0], hidden[1]), -1)))).squeeze(-1)


x, y = windows(*town())
cut = int(0.8 * len(x))
mean, std = y[:cut].mean(), y[:cut].std()
if "--fixed" not in sys.argv:
    mean, std = torch.tensor(0.0), torch.tensor(1.0)
target = (y - mean) / std
model = LoadNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.MSELoss()
for step in range(1, 501):
    rows = torch.randint(0, cut, (32,))
    loss = loss_fn(model(x[rows]), target[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            told = model(x[cut:]) * std + mean
            error = (told - y[cut:]).abs().mean().item()
        print(f"step {step} loss {loss.item():.6g} test error {error:.0f} kW")
