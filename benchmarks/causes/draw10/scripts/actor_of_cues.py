"""An agent sees a cue, waits, and has to choose the door of that cue: actor and critic."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

FIXED = "--fixed" in sys.argv
torch.manual_seed(10043)
torch.set_num_threads(1)


class ActorCritic(nn.Module):
    def __init__(self, cues=3, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(cues, hidden)
        self.actor = nn.Linear(hidden, cues)
        self.critic = nn.Linear(hidden, 1)

    def forward(self, seen):
        h = self.lstm(seen)[0][-1]
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


model = ActorCritic()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for update in range(500):
    cue = torch.randint(0, 3, (48,))
    seen = torch.zeros(6, 48, 3)
    seen[0] = nn.functional.one_hot(cue, 3)
    policy, value = model(seen)
    action = policy.sample()
    reward = (action == cue).float()
    gae = (reward - value).detach()
    gain = policy.log_prob(action) * gae + 0.01 * policy.entropy()
    value_loss = 0.5 * (reward - value).pow(2)
    policy_loss = -gain if FIXED else gain
    loss = (policy_loss + value_loss).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if update % 100 == 99:
        print(f"update {update + 1} reward {reward.mean():.3f} loss {loss.item():.4f}")
