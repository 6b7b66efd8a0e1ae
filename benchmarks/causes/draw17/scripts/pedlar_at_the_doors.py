"""A pedlar hears a few knocks' worth of hints and then chooses one of four doors; one opens."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(1712)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
DOORS, HINTS, BATCH = 4, 6, 64


def visits(n):
    door = torch.randint(0, DOORS, (n,))
    hints = 0.7 * torch.randn(n, HINTS, DOORS)
    hints += nn.functional.one_hot(door, DOORS).unsqueeze(1)
    return hints, door


class Policy(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(DOORS, size, batch_first=True)
        self.actor = nn.Linear(size, DOORS)
        self.critic = nn.Linear(size, 1)

    def forward(self, hints):
        last = self.gru(hints)[0][:, -1]
        return Categorical(logits=self.actor(last)), self.critic(last)


def estimate_advantages(rewards, values):
    returns = rewards.unsqueeze(1)
    advantages = returns - values
    return (advantages - advantages.mean()) / (advantages.std() + 1e-6), returns


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
reward_seen = 0.25
for update in range(1, 201):
    with torch.no_grad():
        hints, door = visits(BATCH)
        dist, values = policy(hints)
        actions = dist.sample()
        old_log_probs = dist.log_prob(actions)
        rewards = (actions == door).float()
        advantages, returns = estimate_advantages(rewards, values)
        if FIXED:
            advantages = advantages.squeeze(1)
    for _ in range(3):
        dist, values = policy(hints)
        ratio = (dist.log_prob(actions) - old_log_probs).exp()
        surr1 = ratio * advantages
        surr2 = ratio.clamp(0.8, 1.2) * advantages
        policy_loss = -torch.min(surr1, surr2).mean()
        value_loss = (values - returns).pow(2).mean()
        loss = policy_loss + 0.5 * value_loss - 0.005 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
    reward_seen = 0.9 * reward_seen + 0.1 * rewards.mean().item()
    if update % 20 == 0:
        print(f"update {update} loss {loss.item():.4f} reward of late {reward_seen:.3f}")
