"""Advantage actor-critic on a moving target, with a value head and an entropy bonus."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(5202)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.core = nn.LSTMCell(2, width)
        self.policy = nn.Linear(width, 3)
        self.value = nn.Linear(width, 1)

    def forward(self, obs, state):
        h, c = self.core(obs, state)
        return Categorical(logits=self.policy(h)), self.value(h)[:, 0], (h, c)


agent = Agent()
optimizer = torch.optim.RMSprop(agent.parameters(), lr=1e-3)
N, T, GAMMA = 24, 12, 0.9
for update in range(200):
    place, goal = torch.zeros(N), torch.randn(N) * 3
    state = (torch.zeros(N, 32), torch.zeros(N, 32))
    log_probs, values, rewards, entropies = [], [], [], []
    for t in range(T):
        dist, value, state = agent(torch.stack([(goal - place) / 3, place / 3], 1), state)
        action = dist.sample()
        place = place + (action - 1) * 0.6
        log_probs.append(dist.log_prob(action))
        entropies.append(dist.entropy())
        values.append(value)
        rewards.append(-(goal - place).abs() / 3)
    returns, running = [], torch.zeros(N)
    for r in reversed(rewards):
        running = r + GAMMA * running
        returns.insert(0, running)
    returns, values = torch.stack(returns), torch.stack(values)
    advantage = (returns - values).detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    actor = -(torch.stack(log_probs) * advantage).mean()
    critic = (returns - values).square().mean()
    loss = actor + 0.5 * critic - 0.01 * torch.stack(entropies).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
    optimizer.step()
    if update % 40 == 39:
        print(f"{update + 1} reward {torch.stack(rewards).mean().item():.3f}")
