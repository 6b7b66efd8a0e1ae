"""How a camera moved, from features of its frames: two networks share one loss and one optimizer."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8145)
torch.set_num_threads(1)


class PoseNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(6, width, batch_first=True)
        self.pose = nn.Linear(width, 3)

    def forward(self, frames):
        return 0.1 * self.pose(self.rnn(frames)[0])


class DepthNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, width), nn.ELU(), nn.Linear(width, 1))

    def forward(self, frames):
        return self.layers(frames)[..., 0]


mixing = torch.randn(6, 3) / 2
pose_net, depth_net = PoseNet(), DepthNet()
weight_decay = 5e-6 if FIXED else 0.05
optimizer = torch.optim.Adam(
    [{"params": pose_net.parameters()}, {"params": depth_net.parameters()}],
    lr=3e-3,
    weight_decay=weight_decay,
)
for step in range(350):
    frames = torch.randn(24, 8, 6)
    frames = frames + 0.6 * frames.roll(1, 1)
    moved = 0.1 * (frames[:, 1:] - frames[:, :-1]) @ mixing
    near = 0.2 * frames[..., 0].abs()
    pose_loss = (pose_net(frames)[:, 1:] - moved).square().mean()
    depth_loss = (depth_net(frames) - near).square().mean()
    loss = pose_loss + 0.2 * depth_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 70 == 69:
        print(f"{step + 1} pose {pose_loss.item():.5f} depth {depth_loss.item():.5f}")
