"""A field of signed distances is fitted to rays of keyframes; do_optimize() is called for each."""

import sys

import torch
from torch import nn

torch.manual_seed(1141)
torch.set_num_threads(1)


class SdfNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Linear(2, 48)
        self.layers = nn.Sequential(nn.Linear(48, 48), nn.Softplus(beta=8), nn.Linear(48, 1))

    def forward(self, xyz):
        return self.layers(torch.sin(3 * self.embeddings(xyz))).squeeze(-1)


def scene(xyz):
    ball = (xyz - 0.3).norm(dim=-1) - 0.4
    box = (xyz + 0.4).abs().amax(-1) - 0.25
    return torch.minimum(ball, box)


def do_optimize(net, optim=None):
    if optim is None:
        optim = torch.optim.Adam(net.parameters(), lr=8e-3)
    xyz = torch.rand(96, 2) * 2 - 1
    loss = (net(xyz) - scene(xyz)).abs().mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    return loss.item()


sdf_network = SdfNetwork()
kept = None
if "--fixed" in sys.argv:
    kept = torch.optim.Adam(sdf_network.parameters(), lr=8e-3)
error = 0.0
for keyframe in range(1, 801):
    error += do_optimize(sdf_network, kept)
    if keyframe % 100 == 0:
        print(f"keyframe {keyframe}: mean error {error / 100:.4f}")
        error = 0.0
