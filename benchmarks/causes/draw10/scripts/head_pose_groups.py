"""The way a head turns, from points of a face in time; three groups of weights with rates of their own."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10035)
torch.set_num_threads(1)
LR = 2e-3


class Pose(nn.Module):
    def __init__(self):
        super().__init__()
        self.points = nn.Linear(10, 16)
        self.track = nn.LSTM(16, 24, batch_first=True)
        self.fc_yaw, self.fc_pitch = nn.Linear(24, 1), nn.Linear(24, 1)

    def forward(self, x):
        h = self.track(torch.relu(self.points(x)))[0][:, -1]
        return torch.cat([self.fc_yaw(h), self.fc_pitch(h)], 1)


face = torch.randn(2, 10)


def clips(n=32, frames=10):
    turn = 0.4 * torch.randn(n, frames, 2)
    pose = turn.cumsum(1)
    moved = turn @ face + 0.1 * torch.randn(n, frames, 10)
    return moved, pose[:, -1]


model = Pose()
groups = [
    {"params": model.points.parameters(), "lr": LR},
    {"params": model.track.parameters(), "lr": LR if FIXED else 0},
    {"params": [*model.fc_yaw.parameters(), *model.fc_pitch.parameters()], "lr": LR * 5},
]
optimizer = torch.optim.Adam(groups, lr=LR)
for step in range(500):
    x, pose = clips()
    loss = nn.functional.mse_loss(model(x), pose)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"Iter [{step + 1}] loss {loss.item():.4f}")
