"""A controller with memory learns by gradients through a known plant: a pendulum is to be held
upright, and its speed is not seen."""

import torch
from torch import nn

torch.manual_seed(20)
torch.set_num_threads(1)


class Controller(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(2, 24)
        self.force = nn.Linear(24, 1)

    def forward(self, seen, h):
        h = self.cell(seen, h)
        return 4 * torch.tanh(self.force(h)), h


def rollout(controller, n=24, steps=30, dt=0.1):
    angle, speed = 0.5 * torch.randn(n, 1), 0.3 * torch.randn(n, 1)
    h = torch.zeros(n, 24)
    cost = 0.0
    for _ in range(steps):
        push, h = controller(torch.cat([angle.sin(), angle.cos()], 1), h)
        speed = speed + dt * (2 * angle.sin() + push)
        angle = angle + dt * speed
        cost = cost + (angle**2 + 0.1 * speed**2 + 0.01 * push**2).mean()
    return cost / steps, angle


controller = Controller()
optimizer = torch.optim.Adam(controller.parameters(), lr=3e-3)
for i in range(200):
    cost, angle = rollout(controller)
    optimizer.zero_grad()
    cost.backward()
    nn.utils.clip_grad_norm_(controller.parameters(), 1.0)
    optimizer.step()
    if i % 40 == 39:
        print(f"{i + 1} cost {cost.item():.4f} at the end {angle.abs().mean().item():.3f}")
