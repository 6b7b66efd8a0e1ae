"""An agent sees a lamp, walks a short corridor and turns left, right or stays; actor and critic."""

import sys

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(52)
torch.set_num_threads(1)
WALK, LAMPS = 6, 3
ACTOR_LR, CRITIC_LR = (3e-3, 3e-3) if "--fixed" in sys.argv else (2e-6, 5e-6)


class Memory(nn.Module):
    def __init__(self, out, size=32):
        super().__init__()
        self.size = size
        self.cell = nn.GRUCell(LAMPS + 2, size)
        self.out = nn.Linear(size, out)

    def forward(self, seen):
        h = torch.zeros(seen.size(0), self.size)
        for t in range(seen.size(1)):
            h = self.cell(seen[:, t], h)
        return self.out(h)


class Corridor:
    """The lamp shines at the first step only; the last bit says that the end is reached."""

    def reset(self, n):
        self.lamp = torch.randint(LAMPS, (n,))
        seen = torch.zeros(n, WALK, LAMPS + 2)
        seen[torch.arange(n), 0, self.lamp] = 1.0
        seen[:, :, LAMPS] = 0.3 * torch.randn(n, WALK)
        seen[:, -1, -1] = 1.0
        return seen

    def reward(self, action):
        return torch.where(action == self.lamp, 1.0, -0.2)


env, actor, critic = Corridor(), Memory(LAMPS), Memory(1)
actor_opt = torch.optim.Adam(actor.parameters(), lr=ACTOR_LR)
critic_opt = torch.optim.Adam(critic.parameters(), lr=CRITIC_LR)
recent = []
for step in range(1, 401):
    seen = env.reset(32)
    policy = Categorical(logits=actor(seen))
    action = policy.sample()
    reward = env.reward(action)
    value = critic(seen).squeeze(1)

    critic_loss = nn.functional.mse_loss(value, reward)
    critic_opt.zero_grad()
    critic_loss.backward()
    critic_opt.step()

    advantage = reward - value.detach()
    actor_loss = -(policy.log_prob(action) * advantage + 0.01 * policy.entropy()).mean()
    actor_opt.zero_grad()
    actor_loss.backward()
    actor_opt.step()

    recent.append(reward.mean().item())
    if step % 40 == 0:
        print(
            f"step {step} critic loss {critic_loss.item():.4f} actor loss "
            f"{actor_loss.item():.4f} mean reward {sum(recent[-40:]) / 40:.3f}"
        )
