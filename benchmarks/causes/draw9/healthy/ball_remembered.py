"""REINFORCE with a baseline: the way a ball fell must be recalled some steps later."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(9101)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.core = nn.GRU(4, hidden, batch_first=True)
        self.policy, self.baseline = nn.Linear(hidden, 3), nn.Linear(hidden, 1)

    def forward(self, seen):
        h = self.core(seen)[0][:, -1]
        return Categorical(logits=self.policy(h)), self.baseline(h)[:, 0]


agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=4e-3)
recent = []
for step in range(400):
    side = torch.randint(0, 3, (48,))
    seen = 0.1 * torch.randn(48, 6, 4)
    seen[:, 0, :3] += nn.functional.one_hot(side, 3)
    seen[:, -1, 3] += 1
    dist, baseline = agent(seen)
    action = dist.sample()
    reward = (action == side).float()
    advantage = reward - baseline.detach()
    loss = -(dist.log_prob(action) * advantage).mean() - 0.01 * dist.entropy().mean()
    loss = loss + 0.5 * nn.functional.mse_loss(baseline, reward)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 1.0)
    optimizer.step()
    recent.append(reward.mean().item())
    if step % 80 == 79:
        print(f"step {step + 1} reward {sum(recent[-40:]) / 40:.3f} loss {loss.item():.3f}")
