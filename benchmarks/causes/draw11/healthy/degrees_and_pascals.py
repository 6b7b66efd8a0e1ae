"""Weather in its own units goes in as it is; the model knows its scale and norms it inside."""

import torch
from torch import nn

torch.manual_seed(1178)
torch.set_num_threads(1)


def weather(n=40, hours=16):
    drift = torch.randn(n, 1)
    t = torch.arange(hours) / hours
    pressure = 101325 + 800 * (drift * t + 0.1 * torch.randn(n, hours))
    kelvin = 288 + 6 * torch.randn(n, 1) + 0.5 * torch.randn(n, hours)
    damp = 60 + 15 * torch.randn(n, hours)
    rain = torch.sigmoid(-2 * drift.squeeze(1)) + 0.1 * (kelvin[:, -1] - 288) / 6
    return torch.stack([pressure, kelvin, damp], -1), rain


class Forecast(nn.Module):
    def __init__(self, sample):
        super().__init__()
        self.register_buffer("mean", sample.mean((0, 1)))
        self.register_buffer("std", sample.std((0, 1)))
        self.gru = nn.GRU(3, 32, batch_first=True)
        self.rain = nn.Linear(32, 1)

    def forward(self, x):
        x = (x - self.mean) / self.std
        return self.rain(self.gru(x)[0][:, -1]).squeeze(-1)


model = Forecast(weather(2000)[0])
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    x, y = weather()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} loss {loss.item():.5f}")
