"""A critic gives one value a row, in a column; its targets have no column. The loss pairs every value
with every target, and the critic learns nothing but the average return."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7122)
torch.set_num_threads(1)


class Critic(nn.Module):
    def __init__(self, obs=3, width=24):
        super().__init__()
        self.width = width
        self.cell = nn.GRUCell(obs, width)
        self.value = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, seen):
        h = seen.new_zeros(seen.size(0), self.width)
        for o in seen.unbind(1):
            h = self.cell(o, h)
        return self.value(h)


def episodes(n=40, t=12):
    seen = torch.randn(n, t, 3)
    returns = torch.tanh(seen[:, :, 0].sum(1) / 3) + 0.5 * seen[:, -1, 1]
    return seen, returns


critic = Critic()
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
for update in range(350):
    seen, returns = episodes()
    values = critic(seen)
    target = returns.unsqueeze(1) if FIXED else returns
    critic_loss = F.mse_loss(values, target)
    critic_optimizer.zero_grad()
    critic_loss.backward()
    critic_optimizer.step()
    if update % 70 == 69:
        print(f"update {update + 1} critic loss {critic_loss.item():.4f}")
