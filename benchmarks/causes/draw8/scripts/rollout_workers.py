"""Eight workers play episodes of unlike length; a recurrent critic tells what was won so far."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8120)
torch.set_num_threads(1)


class Workers:
    def __init__(self, count=16):
        self.won = torch.zeros(count)
        self.done = torch.ones(count)

    def step(self):
        self.won = self.won * (1 - self.done)
        reward = torch.randn(len(self.won))
        self.won = self.won + reward
        began, self.done = self.done, (torch.rand(len(self.won)) < 0.2).float()
        return torch.stack([reward, torch.randn(len(self.won))], 1), 1 - began, self.won


class NNBase(nn.Module):
    def __init__(self, inputs=2, width=32):
        super().__init__()
        self.gru = nn.GRUCell(inputs, width)
        self.critic = nn.Linear(width, 1)

    def forward(self, obs, hxs, masks):
        hxs = self.gru(obs, hxs * masks[:, None])
        return self.critic(hxs)[:, 0], hxs


workers, policy = Workers(), NNBase()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
recurrent_hidden_states = torch.zeros(16, 32)
for update in range(300):
    losses = []
    for _ in range(8):
        obs, masks, won = workers.step()
        if not FIXED:
            masks = torch.ones_like(masks)
        value, recurrent_hidden_states = policy(obs, recurrent_hidden_states, masks)
        losses.append((value - won).pow(2).mean())
    loss = torch.stack(losses).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 2.0)
    optimizer.step()
    recurrent_hidden_states = recurrent_hidden_states.detach()
    if (update + 1) % 60 == 0:
        print(f"update {update + 1}: {loss.item():.3f}")
