"""A bakery foretells its sales two days ahead, from two weeks of days; each week new days come in.

After every week the forecaster is fitted again with all that is known by then.
"""

import sys

import torch
from torch import nn

torch.manual_seed(411)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
INPUT_SIZE, HORIZON, SHOPS = 14, 2, 24


def sales(days):
    """Loaves per shop and day: a rhythm of the week, a slow swell, and some chance."""
    day = torch.arange(days)
    week = torch.randn(SHOPS, 7)[:, day % 7]
    swell = torch.sin(0.09 * day + 6.28 * torch.rand(SHOPS, 1))
    return 0.8 * week + 0.6 * swell + 0.1 * torch.randn(SHOPS, days)


class DilatedForecaster(nn.Module):
    def __init__(self, hidden_size=48):
        super().__init__()
        self.encoder = nn.GRU(1, hidden_size, batch_first=True)
        self.decoder = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, HORIZON)
        )

    def forward(self, insample):
        _, context = self.encoder(insample[..., None])
        return self.decoder(context[-1])


class WeeklyForecast:
    """Holds a model, and fits it to a panel of series."""

    def __init__(self, model, max_steps):
        self.model = model
        self.max_steps = max_steps
        self.optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        self.step = 0

    def prepare_fit(self):
        for module in self.model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def windows(self, panel, batch_size=64):
        start = torch.randint(panel.shape[1] - INPUT_SIZE - HORIZON + 1, (batch_size, 1))
        rows = torch.randint(SHOPS, (batch_size, 1))
        window = panel[rows, start + torch.arange(INPUT_SIZE + HORIZON)]
        return window[:, :INPUT_SIZE], window[:, INPUT_SIZE:]

    def fit(self, panel):
        if not FIXED:
            self.prepare_fit()
        self.model.train()
        for _ in range(self.max_steps):
            insample, outsample = self.windows(panel)
            loss = nn.functional.mse_loss(self.model(insample), outsample)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.step += 1
            if self.step % 20 == 0:
                print(f"step {self.step} loss {loss.item():.4f}")

    @torch.no_grad()
    def score(self, panel):
        self.model.eval()
        guess = self.model(panel[:, :INPUT_SIZE])
        return nn.functional.mse_loss(guess, panel[:, INPUT_SIZE:]).item()


history = sales(300)
forecast = WeeklyForecast(DilatedForecaster(), max_steps=40)
for week in range(14):
    known = 180 + 7 * week
    forecast.fit(history[:, :known])
    ahead = history[:, known - INPUT_SIZE : known + HORIZON]
    print(f"week {week + 1}: error of the next days {forecast.score(ahead):.4f}")
