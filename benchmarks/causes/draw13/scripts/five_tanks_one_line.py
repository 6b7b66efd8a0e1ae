"""Five tanks fill and empty; the levels of the next moment are all wanted."""

import sys

import torch
from torch import nn

torch.manual_seed(1319)
torch.set_num_threads(1)
TANKS = 5
pipes = torch.tensor([[0.9, 0.1, 0, 0, 0], [0, 0.8, 0.2, 0, 0], [0, 0, 0.9, 0.1, 0]])
pipes = torch.cat([pipes, torch.tensor([[0, 0, 0, 0.8, 0.2], [0.2, 0, 0, 0, 0.7]])])


def tanks(n=32, length=24):
    level, levels = torch.rand(n, TANKS), []
    for _ in range(length + 1):
        levels.append(level)
        rain = (torch.rand(n, TANKS) < 0.1).float() * 0.3
        level = (level @ pipes + rain).clamp(0, 1.5)
    levels = torch.stack(levels, 1)
    return levels[:, :-1], levels[:, 1:]


class TankNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(TANKS, size, batch_first=True)
        self.linear = nn.Linear(size, TANKS)

    def forward(self, x):
        return self.linear(self.lstm(x)[0])


model = TankNet()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 351):
    levels, following = tanks()
    y_pred = model(levels)
    if "--fixed" in sys.argv:
        loss = criterion(y_pred, following)
    else:
        loss = criterion(y_pred[:, :, 0], following[:, :, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            levels, following = tanks(200)
            error = (model(levels) - following).square().mean((0, 1))
        print(f"step {step} loss {loss.item():.4f} error of each tank {error.numpy().round(4)}")
