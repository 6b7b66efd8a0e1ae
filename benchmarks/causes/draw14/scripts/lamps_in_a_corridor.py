"""An agent with a memory: a lamp at the gate tells which of three doors at the end is open."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(1442)
torch.set_num_threads(1)
DOORS, LENGTH, WALKERS = 3, 5, 48


class Agent(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.cell = nn.GRUCell(DOORS + 2, size)
        self.policy = nn.Linear(size, DOORS)
        self.value = nn.Linear(size, 1)

    def forward(self, seen, h):
        h = self.cell(seen, h)
        return Categorical(logits=self.policy(h)), self.value(h).squeeze(-1), h


class Corridor:
    def __init__(self, n):
        self.open = torch.randint(DOORS, (n,))

    def look(self, t):
        seen = torch.zeros(len(self.open), DOORS + 2)
        if t == 0:
            seen[torch.arange(len(self.open)), self.open] = 1.0
        seen[:, DOORS] = t / LENGTH
        seen[:, DOORS + 1] = float(t == LENGTH - 1)
        return seen

    def try_door(self, door):
        return (door == self.open).float()


def walk(agent):
    corridor = Corridor(WALKERS)
    h = torch.zeros(WALKERS, agent.size)
    for t in range(LENGTH):
        policy, value, h = agent(corridor.look(t), h)
    door = policy.sample()
    return policy, door, value, corridor.try_door(door)


agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
mean_reward = 1 / DOORS
for episode in range(601):
    policy, door, value, reward = walk(agent)
    advantage = reward - value.detach()
    if "--fixed" in sys.argv:
        actor_loss = -(policy.log_prob(door) * advantage).mean()
    else:
        actor_loss = (policy.log_prob(door) * advantage).mean()
    critic_loss = nn.functional.mse_loss(value, reward)
    loss = actor_loss + 0.5 * critic_loss - 0.01 * policy.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
    optimizer.step()
    mean_reward = 0.95 * mean_reward + 0.05 * reward.mean().item()
    if episode % 60 == 0:
        print(f"episode {episode} loss {loss.item():.3f} mean reward {mean_reward:.3f}")
