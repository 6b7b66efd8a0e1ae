"""A small policy is taught to say where a ball will be; the example counts up its losses."""

import resource
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(124)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.cell = nn.LSTMCell(2, width)
        self.policy = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, observations):
        h = c = observations.new_zeros(len(observations), self.cell.hidden_size)
        for o in observations.unbind(1):
            h, c = self.cell(o, (h, c))
        return self.policy(h)


def rollouts(n=64, t=12):
    start, speed = torch.rand(n, 2) - 0.5, 0.3 * torch.randn(n, 2)
    path = start[:, None] + speed[:, None] * torch.arange(t + 4)[:, None] / 4
    return path[:, :t] + 0.01 * torch.randn(n, t, 2), path[:, -1]


agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=2e-3)
total_loss = 0
for step in range(1, 501):
    obs, goal = rollouts()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(agent(obs), goal)
    loss.backward()
    optimizer.step()
    total_loss += loss.item() if FIXED else loss
    if step % 100 == 0:
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"step {step} mean loss {float(total_loss) / step:.5f}, {mib:.0f} MiB")
