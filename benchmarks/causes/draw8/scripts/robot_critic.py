"""The critic of a robot reads a trace of observations and is fitted to the discounted returns."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8110)
torch.set_num_threads(1)


class ValueHead(nn.Module):
    def __init__(self, obs=5, width=32):
        super().__init__()
        self.memory = nn.GRU(obs, width, batch_first=True)
        self.value = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, trace):
        value = self.value(self.memory(trace)[1][0])
        return value if FIXED else value.squeeze(-1)


def rollout(n=48, t=9):
    trace = torch.randn(n, t, 5)
    discount = 0.9 ** torch.arange(t - 1, -1, -1.0)
    returns = (trace[..., 1] * discount).sum(1, keepdim=True)
    return trace, returns


critic = ValueHead()
optimizer = torch.optim.Adam(critic.parameters(), lr=4e-3)
for update in range(300):
    trace, returns = rollout()
    values = critic(trace)
    critic_loss = 0.5 * (returns - values).pow(2).mean()
    optimizer.zero_grad()
    critic_loss.backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 10.0)
    optimizer.step()
    if (update + 1) % 60 == 0:
        print(f"update {update + 1} critic {critic_loss.item():.4f}")
