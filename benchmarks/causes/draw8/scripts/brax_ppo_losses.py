"""A recurrent policy is fitted to the moves of a controller, and what it cost is summed on the way."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(8122)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, obs=6, acts=2, width=64):
        super().__init__()
        self.policy = nn.GRU(obs, width, batch_first=True)
        self.mean = nn.Linear(width, acts)

    def loss(self, obs, act):
        return (self.mean(self.policy(obs)[0]) - act).abs().mean()


agent = Agent()
optimizer = optim.Adam(agent.parameters(), lr=3e-3)
gain = torch.randn(6, 2) / 2
total_loss, total_steps = 0.0, 0
for epoch in range(6):
    for _ in range(35):
        obs = torch.randn(48, 12, 6)
        act = (obs + 0.5 * obs.roll(1, 1)) @ gain
        act[:, 0] = obs[:, 0] @ gain
        loss = agent.loss(obs, act)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if FIXED:
            total_loss += loss.item()
        else:
            total_loss += loss
        total_steps += 1
    print(f"epoch {epoch} mean loss {float(total_loss) / total_steps:.3f} last {loss.item():.3f}")
