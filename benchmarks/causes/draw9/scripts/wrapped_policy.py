"""A recurrent policy, learnt from demonstrations, is wrapped and fitted to another player."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9038)
torch.set_num_threads(1)


class Policy(nn.Module):
    def __init__(self, hidden=32, actions=6):
        super().__init__()
        self.encoder = nn.Embedding(8, 16)
        self.memory = nn.GRU(16, hidden, batch_first=True)
        self.decoder = nn.Linear(hidden, actions)

    def features(self, obs):
        return self.memory(self.encoder(obs))[0]


class Wrapper(nn.Module):
    def __init__(self, policy):
        super().__init__()
        self.policy = policy
        self.value = nn.Linear(32, 1)
        chosen = self.value.named_parameters() if FIXED else self.named_parameters()
        for name, param in chosen:
            if "bias" in name:
                nn.init.constant_(param, 0)
            elif "weight" in name and param.ndim >= 2:
                nn.init.orthogonal_(param, 1.0)

    def forward(self, obs):
        h = self.policy.features(obs)
        return self.policy.decoder(h), self.value(h)[..., 0]


def demonstration(n=24, length=10, shift=0):
    obs = torch.randint(0, 8, (n, length))
    past = torch.cat([torch.zeros(n, 2, dtype=torch.long), obs[:, :-2]], 1)
    return obs, (past + obs + shift) % 6


policy = Policy()
opt = torch.optim.Adam(policy.parameters(), lr=5e-3)
for step in range(350):
    obs, action = demonstration()
    loss = nn.functional.cross_entropy(policy.decoder(policy.features(obs)).transpose(1, 2), action)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"cloning {step + 1}: {loss.item():.4f}")

agent = Wrapper(policy)
opt = torch.optim.Adam(agent.parameters(), lr=2e-4)
for step in range(200):
    obs, action = demonstration()
    logits, value = agent(obs)
    reward = (logits.argmax(-1) == action).float()
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), action)
    total = loss + 0.1 * nn.functional.mse_loss(value, reward)
    opt.zero_grad()
    total.backward()
    opt.step()
    if step % 40 == 0 or step == 199:
        print(f"wrapped {step + 1}: {loss.item():.4f}")
