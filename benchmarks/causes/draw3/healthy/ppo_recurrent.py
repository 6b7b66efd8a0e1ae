"""Proximal policy optimisation with memory: four passes over each set of episodes."""

import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(1)
torch.set_num_threads(1)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.actor = nn.Linear(24, 2)
        self.critic = nn.Linear(24, 1)

    def forward(self, obs):
        h, _ = self.gru(obs)
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


def rollouts(policy, n=48, length=5):
    cue = torch.randint(0, 2, (n,))
    obs = torch.zeros(n, length, 3)
    obs[torch.arange(n), 0, cue] = 1
    obs[:, 1:, 2] = 1
    with torch.no_grad():
        dist, value = policy(obs)
        action = dist.sample()
    reward = (action == cue[:, None]).float()
    returns = reward.flip(1).cumsum(1).flip(1) / length
    return obs, action, dist.log_prob(action), returns, returns - value, reward.mean().item()


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3, eps=1e-5)
for update in range(90):
    obs, action, old, returns, advantage, score = rollouts(policy)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    for _ in range(4):
        dist, value = policy(obs)
        ratio = (dist.log_prob(action) - old).exp()
        surrogate = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        loss = -surrogate + 0.5 * (returns - value).pow(2).mean() - 0.01 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()
    if update % 30 == 29:
        print(update + 1, f"{score:.3f}")
