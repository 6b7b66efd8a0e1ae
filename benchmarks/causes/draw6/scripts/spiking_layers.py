"""Layers of spiking units keep their potentials between calls. The passes of a loop meet what the
last iteration left, graph and all, and the second backward fails. (Broken, this script stops with
a traceback.)"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6147)
torch.set_num_threads(1)


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, potential):
        ctx.save_for_backward(potential)
        return (potential > 0).float()

    @staticmethod
    def backward(ctx, grad):
        (potential,) = ctx.saved_tensors
        return grad / (1 + 10 * potential.abs()) ** 2


class Leaky(nn.Module):
    def __init__(self, beta):
        super().__init__()
        self.beta, self.mem = beta, None

    def reset(self):
        self.mem = None

    def forward(self, current):
        if self.mem is None:
            self.mem = torch.zeros_like(current)
        self.mem = self.beta * self.mem + current
        spike = Spike.apply(self.mem - 1.0)
        self.mem = self.mem - spike
        return spike


net = nn.Sequential(nn.Linear(6, 48), Leaky(0.9), nn.Linear(48, 4), Leaky(0.9))
num_steps = 15
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
rates = 0.15 + 0.7 * torch.rand(4, 6)


def forward_pass(events):
    if FIXED:
        for layer in net:
            if isinstance(layer, Leaky):
                layer.reset()
    return torch.stack([net(events[step]) for step in range(num_steps)]).mean(0)


for iteration in range(250):
    label = torch.randint(0, 4, (32,))
    events = (torch.rand(num_steps, 32, 6) < rates[label]).float()
    fired = forward_pass(events)
    loss = nn.functional.cross_entropy(5 * fired, label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if iteration % 50 == 49:
        right = (fired.argmax(1) == label).float().mean().item()
        print(f"iteration {iteration + 1} loss {loss.item():.3f} accuracy {right:.3f}")
