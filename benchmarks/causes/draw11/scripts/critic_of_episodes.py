"""The critic of an agent with memory: how much reward is still to come after these observations?"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1113)
torch.set_num_threads(1)


class ValueHead(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.memory = nn.GRU(3, width, batch_first=True)
        self.value = nn.Sequential(nn.Linear(width, width), nn.ELU(), nn.Linear(width, 1))

    def forward(self, observations):
        _, h = self.memory(observations)
        return self.value(h[-1]).squeeze(-1)  # [B]


def rollout(n=40, t=9, gamma=0.9):
    """Each observation says which of three doors pays, and the pay is the same till the end."""
    observations = torch.rand(n, t, 3)
    pay = observations.mean(1)[:, 0] * 4 - observations.mean(1)[:, 1] * 2
    returns = pay * (1 - gamma**5) / (1 - gamma) * 0.5
    return observations, returns[:, None]  # [B, 1]


def critic_loss(values, returns):
    error = returns - values
    return 0.5 * (error**2).mean()


critic = ValueHead()
optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, eps=1e-5)
for update in range(1, 601):
    observations, returns = rollout()
    values = critic(observations)
    if FIXED:
        values = values.unsqueeze(-1)
    loss = critic_loss(values, returns)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 5.0)
    optimizer.step()
    if update % 100 == 0:
        explained = 1 - (returns.flatten() - values.detach().flatten()).var() / returns.var()
        print(f"update {update} value loss {loss.item():.5f} explained {explained.item():.3f}")
