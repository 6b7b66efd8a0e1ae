"""A toy car learns from a driver how to steer: left, on, or right, by its three sonars."""

import sys

import torch
from torch import nn

torch.manual_seed(1347)
torch.set_num_threads(1)


class Driver(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size, batch_first=True)
        self.steer = nn.Linear(size, 3)

    def forward(self, sonar):
        return self.steer(self.lstm(sonar)[0][:, -1])


def drives(n, length=12):
    """Readings in millimetres. The driver steers away from the wall that comes nearer faster."""
    start = 2500 + 500 * torch.randn(n, 1, 3)
    speed = 60 * torch.randn(n, 1, 3)
    t = torch.arange(length).float()[None, :, None]
    sonar = start + speed * t + 15 * torch.randn(n, length, 3)
    lean = (speed[:, 0, 0] - speed[:, 0, 2]) / 60
    steer = torch.full((n,), 1)
    steer[lean > 0.6] = 0
    steer[lean < -0.6] = 2
    return sonar.clamp(20, 5000), steer


def prepare(sonar):
    if "--fixed" in sys.argv:
        return (sonar - 2500) / 600
    return sonar


model = Driver()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
sonar_val, steer_val = drives(600)
for step in range(1, 501):
    sonar, steer = drives(48)
    loss = nn.functional.cross_entropy(model(prepare(sonar)), steer)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = (model(prepare(sonar_val)).argmax(1) == steer_val).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} steers as the driver {acc:.3f}")
