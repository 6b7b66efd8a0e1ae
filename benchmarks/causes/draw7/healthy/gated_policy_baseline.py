"""A recurrent policy with a learned baseline and a bonus for entropy: when to stop a falling price."""

import torch
from torch import nn

torch.manual_seed(7615)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True)
        self.pi = nn.Linear(width, 2)
        self.v = nn.Linear(width, 1)

    def forward(self, x):
        h = self.rnn(x)[0]
        return torch.distributions.Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


def signals(n=64, t=12):
    hint = torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0)
    x = torch.stack([hint.expand(n, t) * 0.6 + torch.randn(n, t), torch.ones(n, t)], -1)
    return x, hint


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), lr=4e-3)
for update in range(250):
    x, hint = signals()
    dist, value = agent(x)
    action = dist.sample()
    reward = (2.0 * action - 1) * hint
    advantage = (reward - value).detach()
    policy_loss = -(dist.log_prob(action) * advantage).mean()
    value_loss = (value - reward).square().mean()
    loss = policy_loss + 0.5 * value_loss - 0.01 * dist.entropy().mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 5.0)
    opt.step()
    if update % 50 == 49:
        print(f"update {update + 1} reward {reward.mean().item():.3f}")
