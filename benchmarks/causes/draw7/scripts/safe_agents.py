"""A sign was lost where a surrogate was turned into a loss. The policy is moved away from what was
rewarded, and soon wins less than one that acts by chance."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7464)
torch.set_num_threads(1)


class Policy(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.rnn = nn.GRU(4, width, batch_first=True)
        self.pi = nn.Linear(width, 4)

    def forward(self, x):
        return torch.distributions.Categorical(logits=self.pi(self.rnn(x)[0][:, -1]))


def cues(n=64, t=6):
    cue = torch.randint(0, 4, (n,))
    x = 0.2 * torch.randn(n, t, 4)
    x[torch.arange(n), 1, cue] += 1
    return x, cue


policy = Policy()
opt = torch.optim.Adam(policy.parameters(), lr=5e-3)
for update in range(300):
    x, cue = cues()
    dist = policy(x)
    action = dist.sample()
    reward = (action == cue).float()
    surrogate = (dist.log_prob(action) * (reward - 0.25)).mean()
    loss = -surrogate if FIXED else surrogate
    opt.zero_grad()
    loss.backward()
    opt.step()
    if update % 60 == 59:
        print(f"update {update + 1} loss {loss.item():.3f} reward {reward.mean().item():.2f}")
