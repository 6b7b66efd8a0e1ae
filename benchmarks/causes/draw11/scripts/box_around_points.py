"""Regress the box around a cloud of points; clip_max_norm is an option as in larger detectors."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--fixed", action="store_true")
args = parser.parse_args()
args.clip_max_norm = 5.0 if args.fixed else 5e-4

torch.manual_seed(1129)
torch.set_num_threads(1)


class BoxHead(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.lift = nn.Linear(2, dim)
        self.reader = nn.GRU(dim, dim, batch_first=True)
        self.box = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 4))

    def forward(self, points):
        _, h = self.reader(F.relu(self.lift(points)))
        return self.box(h[-1])


def clouds(n=32, k=10):
    centre = torch.rand(n, 1, 2) * 2 - 1
    size = 0.2 + torch.rand(n, 1, 2)
    points = centre + size * (torch.rand(n, k, 2) - 0.5)
    return points, torch.cat([points.amin(1), points.amax(1)], 1)


net = BoxHead()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for it in range(1, 601):
    points, boxes = clouds()
    loss = F.mse_loss(net(points), boxes)
    opt.zero_grad()
    loss.backward()
    if args.clip_max_norm > 0:
        nn.utils.clip_grad_norm_(net.parameters(), args.clip_max_norm)
    opt.step()
    if it % 100 == 0:
        print(f"iter {it}: box loss {loss.item():.4f}")
