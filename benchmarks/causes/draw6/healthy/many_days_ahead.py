"""Demand for several days ahead at once, from the past and from what the calendar will say."""

import torch
from torch import nn

torch.manual_seed(6205)
torch.set_num_threads(1)

PAST, AHEAD = 21, 7


class Forecaster(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.past = nn.LSTM(3, width, batch_first=True)
        self.future = nn.LSTM(2, width, batch_first=True)
        self.out = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, demand, calendar):
        _, state = self.past(torch.cat([demand[..., None], calendar[:, :PAST]], -1))
        return self.out(self.future(calendar[:, PAST:], state)[0])[..., 0]


def shops(n=24):
    day = torch.randint(0, 7, (n, 1)) + torch.arange(PAST + AHEAD)
    calendar = torch.stack([torch.sin(day * 0.8976), torch.cos(day * 0.8976)], -1)
    weekly, level = torch.randn(n, 1) * 0.6 + 1, torch.randn(n, 1) * 0.5
    demand = level + weekly * calendar[..., 0] + 0.15 * torch.randn(n, PAST + AHEAD)
    return demand, calendar


model = Forecaster()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
plan = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=300)
for step in range(300):
    demand, calendar = shops()
    loss = nn.functional.smooth_l1_loss(model(demand[:, :PAST], calendar), demand[:, PAST:])
    opt.zero_grad()
    loss.backward()
    opt.step()
    plan.step()
    if step % 60 == 59:
        print(f"{step + 1} huber {loss.item():.4f}")
