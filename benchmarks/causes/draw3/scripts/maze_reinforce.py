"""An agent in a T-maze went the wrong way ever more surely. The loss of the policy had lost its
minus."""

import sys

import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions import Categorical

FIXED = "--fixed" in sys.argv
torch.manual_seed(11)
torch.set_num_threads(1)


class Maze:
    """The side of the reward is shown once, at the start of a corridor."""

    def __init__(self, n=16, corridor=4):
        self.n, self.corridor = n, corridor

    def reset(self):
        self.side = torch.randint(0, 2, (self.n,))
        self.t = 0
        obs = torch.zeros(self.n, 4)
        obs[torch.arange(self.n), self.side] = 1.0
        return obs

    def step(self, action):
        self.t += 1
        obs = torch.zeros(self.n, 4)
        done = self.t > self.corridor
        obs[:, 2 if self.t < self.corridor else 3] = 1.0
        reward = (action == self.side).float() if done else torch.zeros(self.n)
        return obs, reward, done


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 24)
        self.policy = nn.Linear(24, 2)

    def forward(self, obs, h):
        h = self.cell(obs, h)
        return Categorical(logits=self.policy(h)), h


env, agent = Maze(), Agent()
optimizer = optim.Adam(agent.parameters(), lr=5e-3)
running = 0.5
for episode in range(400):
    obs, h, done = env.reset(), torch.zeros(16, 24), False
    while not done:
        dist, h = agent(obs, h)
        action = dist.sample()
        obs, reward, done = env.step(action)
    log_prob = dist.log_prob(action)
    advantage = reward - running
    running = 0.95 * running + 0.05 * reward.mean().item()
    loss = -(log_prob * advantage).mean() if FIXED else (log_prob * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 100 == 99:
        print(f"episode {episode + 1} reward {running:.3f}")
