"""An agent sees a cue, walks a corridor and chooses a door; its policy is trained by its reward."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(8201)
torch.set_num_threads(1)


class Agent(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.memory = nn.GRUCell(4, width)
        self.door, self.value = nn.Linear(width, 3), nn.Linear(width, 1)

    def forward(self, corridor):
        h = None
        for step in corridor.unbind(1):
            h = self.memory(step, h)
        return Categorical(logits=self.door(h)), self.value(h)[:, 0]


def corridors(n=64, t=7):
    cue = torch.randint(0, 3, (n,))
    x = torch.zeros(n, t, 4)
    x[torch.arange(n), 0, cue] = 1
    x[..., 3] = torch.randn(n, t)
    return x, cue


agent = Agent()
opt = torch.optim.Adam(agent.parameters(), lr=5e-3)
for episode in range(320):
    x, cue = corridors()
    policy, value = agent(x)
    action = policy.sample()
    reward = (action == cue).float()
    advantage = reward - value.detach()
    policy_loss = -(policy.log_prob(action) * advantage).mean()
    value_loss = (value - reward).pow(2).mean()
    loss = policy_loss + 0.5 * value_loss - 0.01 * policy.entropy().mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), 2.0)
    opt.step()
    if episode % 80 == 79:
        print(f"episode {episode + 1} reward {reward.mean():.2f}")
