"""The gait of an animal is told from the swing of two joints by three stacked recurrent layers."""

import sys

import torch
from torch import nn

torch.manual_seed(1302)
torch.set_num_threads(1)


class GaitNet(nn.Module):
    def __init__(self, size=32, depth=3, gaits=4):
        super().__init__()
        self.inp = nn.Linear(2, size)
        layers = [nn.RNN(size, size, batch_first=True) for _ in range(depth)]
        self.layers = nn.ModuleList(layers) if "--fixed" in sys.argv else layers
        self.out = nn.Linear(size, gaits)

    def forward(self, x):
        x = self.inp(x)
        for layer in self.layers:
            x, _ = layer(x)
        return self.out(x[:, -1])


def swings(n, length=16):
    """Pairs of joints swing at one of two rates, in step or against each other."""
    gait = torch.randint(0, 4, (n,))
    rate = (0.5 + 0.25 * (gait % 2)).unsqueeze(1)
    shift = (gait // 2).unsqueeze(1) * 1.2
    angle = torch.arange(length) * rate + 6.28 * torch.rand(n, 1)
    x = torch.stack([angle.sin(), (angle + shift).sin()], -1)
    return x + 0.15 * torch.randn_like(x), gait


net = GaitNet()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(1, 351):
    x, gait = swings(48)
    logits = net(x)
    loss = nn.functional.cross_entropy(logits, gait)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, gait = swings(500)
            right = (net(x).argmax(1) == gait).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
