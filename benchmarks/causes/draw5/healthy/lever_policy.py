"""Reinforcement: a policy with memory learns which lever a cue at the beginning stood for."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(5201)
torch.set_num_threads(1)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRUCell(4, 24)
        self.act = nn.Linear(24, 3)

    def forward(self, obs, h):
        h = self.gru(obs, h)
        return Categorical(logits=self.act(h)), h


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
baseline = 0.0
for update in range(300):
    cue = torch.randint(0, 3, (32,))
    h = torch.zeros(32, 24)
    log_probs = []
    for t in range(5):
        obs = torch.zeros(32, 4)
        if t == 0:
            obs[torch.arange(32), cue] = 1.0
        obs[:, 3] = t / 5
        dist, h = policy(obs, h)
        action = dist.sample()
        log_probs.append(dist.log_prob(action))
    reward = (action == cue).float()
    advantage = reward - baseline
    baseline = 0.9 * baseline + 0.1 * reward.mean().item()
    loss = -(log_probs[-1] * advantage).mean() - 0.01 * dist.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 2.0)
    optimizer.step()
    if update % 60 == 59:
        print(f"update {update + 1}: reward {reward.mean().item():.2f}")
