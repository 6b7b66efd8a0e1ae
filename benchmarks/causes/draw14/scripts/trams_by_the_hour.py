"""Riders of a tram in the next hour; new weeks come in one by one and are fitted on arrival."""

import sys

import torch
from torch import nn

torch.manual_seed(1441)
torch.set_num_threads(1)
PAST = 24


class RiderNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.head = nn.Linear(size, 1)
        self.reset_parameters()

    def reset_parameters(self):
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)

    def forward(self, riders):
        out, _ = self.lstm(riders.unsqueeze(-1))
        return self.head(out[:, -1]).squeeze(-1)


class Forecaster:
    def __init__(self, lr=2e-3, batch_size=32, epochs=5):
        self.net = RiderNet()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.batch_size, self.epochs = batch_size, epochs

    def fit(self, series):
        if "--fixed" not in sys.argv:
            self.net.reset_parameters()
        windows = series.unfold(0, PAST + 1, 1)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(windows)).split(self.batch_size):
                x, y = windows[rows, :-1], windows[rows, -1]
                loss = nn.functional.mse_loss(self.net(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def error(self, series):
        windows = series.unfold(0, PAST + 1, 1)
        return nn.functional.mse_loss(self.net(windows[:, :-1]), windows[:, -1]).item()


def riders(hours, start):
    t = torch.arange(start, start + hours)
    day = 6.2832 * t / 24
    weekend = ((t // 24) % 7 >= 5).float()
    curve = torch.sin(day - 1.8) + 0.6 * torch.sin(2 * day + 0.5)
    return (1 - 0.5 * weekend) * curve + 0.1 * torch.randn(hours)


weeks = [riders(7 * 24, 168 * week) for week in range(20)]
later = riders(3 * 168, 168 * 30)
model = Forecaster()
for number, week in enumerate(weeks):
    loss = model.fit(week)
    print(
        f"week {number} loss {loss:.4f} error later {model.error(later):.4f} of {later.var():.4f}"
    )
