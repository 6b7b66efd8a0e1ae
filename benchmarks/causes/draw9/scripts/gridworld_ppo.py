"""A clipped policy gradient with a memory: the first observation tells which door pays."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

FIXED = "--fixed" in sys.argv
torch.manual_seed(9007)
torch.set_num_threads(1)


class ActorCritic(nn.Module):
    def __init__(self, obs=5, hidden=24, doors=4):
        super().__init__()
        self.rnn = nn.GRU(obs, hidden, batch_first=True)
        self.actor = nn.Linear(hidden, doors)
        self.critic = nn.Linear(hidden, 1)

    def forward(self, obs):
        h = self.rnn(obs)[1][0]
        return Categorical(logits=self.actor(h)), self.critic(h)


def corridors(n=64, length=6):
    door = torch.randint(0, 4, (n,))
    obs = 0.1 * torch.randn(n, length, 5)
    obs[:, 0, :4] += nn.functional.one_hot(door, 4)
    obs[:, -1, 4] += 1.0
    return obs, door


def estimate_advantages(rewards, values):
    advantages = rewards - values
    return (advantages - advantages.mean()) / (advantages.std() + 1e-6)


agent = ActorCritic()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
paid = []
for iteration in range(150):
    obs, door = corridors()
    with torch.no_grad():
        dist, values = agent(obs)
        actions = dist.sample()
        old_log_probs = dist.log_prob(actions)
    rewards = (actions == door).float()[:, None]
    advantages = estimate_advantages(rewards, values)
    for _ in range(3):
        dist, value = agent(obs)
        ratio = (dist.log_prob(actions) - old_log_probs).exp()
        if FIXED:
            advantages = advantages.reshape(-1)
        surr1 = ratio * advantages
        surr2 = ratio.clamp(0.8, 1.2) * advantages
        policy_loss = -torch.min(surr1, surr2).mean()
        value_loss = nn.functional.mse_loss(value, rewards)
        loss = policy_loss + 0.5 * value_loss - 0.01 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    paid.append(rewards.mean().item())
    if iteration % 30 == 29:
        reward = sum(paid[-30:]) / 30
        print(f"Iter: {iteration + 1}, average reward: {reward:.3f}, loss: {loss.item():.3f}")
