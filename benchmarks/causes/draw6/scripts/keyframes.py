"""For each key frame a new Adam is made over the same network, for one step. It knows nothing of the
steps before, and takes each at its full length."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6127)
torch.set_num_threads(1)

LEARNING_RATE = 1e-2


class Field(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.rnn = nn.GRU(3, width, batch_first=True)
        self.sdf = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, ray):
        return self.sdf(self.rnn(ray)[0])


def keyframe(n=16, t=20):
    origin, way = torch.rand(n, 1, 3) - 0.5, torch.randn(n, 1, 3)
    way = way / way.norm(dim=-1, keepdim=True)
    points = origin + way * torch.linspace(0, 1.5, t)[None, :, None]
    distance = points.norm(dim=-1, keepdim=True) - 0.7
    return points, distance.cumsum(1) / 5


class Mapping:
    def __init__(self, network):
        self.network = network
        self.optim = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def bundle_adjust(self, points, distance):
        if FIXED:
            optim = self.optim
        else:
            optim = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE)
        optim.zero_grad()
        loss = (self.network(points) - distance).square().mean()
        loss.backward()
        optim.step()
        return loss.item()


mapping = Mapping(Field())
losses = []
for frame in range(400):
    losses.append(mapping.bundle_adjust(*keyframe()))
    if frame % 80 == 79:
        print(f"frame {frame + 1} loss {sum(losses[-40:]) / 40:.5f}")
