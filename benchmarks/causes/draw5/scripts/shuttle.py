"""Places in degrees of latitude and longitude went in beside speeds; all that differs between two
stops is lost behind the size of the numbers."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5148)
torch.set_num_threads(1)


class ArrivalNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 32, batch_first=True)
        self.eta = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, track):
        return self.eta(self.rnn(track)[1][0]).squeeze(-1)


def tracks(n=32, t=8):
    heading = torch.rand(n, 1) * 6.28
    speed = 0.5 + torch.rand(n, 1)
    clock = torch.arange(t)[None]
    east = 0.002 * speed * torch.cos(heading) * clock + 0.003 * torch.randn(n, 1)
    north = 0.002 * speed * torch.sin(heading) * clock + 0.003 * torch.randn(n, 1)
    lat, lon = 42.7302 + north, -73.6788 + east
    odometer = 81250.0 + 12 * speed * clock
    track = torch.stack([lat, lon, odometer, speed.expand(n, t)], -1)
    left = ((east[:, -1] ** 2 + north[:, -1] ** 2).sqrt() / 0.006 - 1.3) / 0.7
    return track, left


scaler_mean = scaler_std = None
if FIXED:
    sample, _ = tracks(2000)
    scaler_mean, scaler_std = sample.mean(dim=(0, 1)), sample.std(dim=(0, 1))

model = ArrivalNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
recent = []
for step in range(500):
    track, left = tracks()
    if FIXED:
        track = (track - scaler_mean) / scaler_std
    loss = nn.functional.mse_loss(model(track), left)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if step % 100 == 99:
        print(f"step {step + 1} mse {sum(recent[-50:]) / 50:.4f}")
