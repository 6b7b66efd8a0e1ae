"""Two agents with memory must meet at the door whose lamp was lit three moments ago."""

import sys

import torch
from torch import nn

torch.manual_seed(1252)
torch.set_num_threads(1)
DOORS, WAIT, ROLLOUTS = 3, 3, 48
rates = (
    {"actor": 5e-3, "critic": 5e-3} if "--fixed" in sys.argv else {"actor": 1e-6, "critic": 1e-6}
)


class Actor(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(DOORS + 1, size, batch_first=True)
        self.policy = nn.Linear(size, DOORS)

    def forward(self, seen):
        return torch.distributions.Categorical(logits=self.policy(self.gru(seen)[0][:, -1]))


class Critic(nn.Module):
    """Sees what all the agents see."""

    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2 * (DOORS + 1), size, batch_first=True)
        self.value = nn.Linear(size, 1)

    def forward(self, seen):
        return self.value(self.gru(seen)[0][:, -1]).squeeze(-1)


def observe(lamp):
    seen = torch.zeros(len(lamp), WAIT + 2, DOORS + 1)
    seen[:, 0, :DOORS] = nn.functional.one_hot(lamp, DOORS).float()
    seen[:, -1, DOORS] = 1.0
    return seen + 0.1 * torch.randn_like(seen)


actors = nn.ModuleList(Actor() for _ in range(2))
critic = Critic()
actor_optimizer = torch.optim.Adam(actors.parameters(), lr=rates["actor"])
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=rates["critic"])
mean_reward = 0.0
for episode in range(1, 501):
    lamp = torch.randint(0, DOORS, (ROLLOUTS,))
    views = [observe(lamp) for _ in actors]
    choices = [actor(view) for actor, view in zip(actors, views, strict=True)]
    doors = [choice.sample() for choice in choices]
    # half a point for each agent at the right door
    reward = sum(0.5 * (door == lamp).float() for door in doors)
    value = critic(torch.cat(views, -1))
    advantage = (reward - value).detach()
    log_prob = sum(choice.log_prob(door) for choice, door in zip(choices, doors, strict=True))
    entropy = sum(choice.entropy() for choice in choices)
    actor_loss = -(log_prob * advantage + 0.01 * entropy).mean()
    critic_loss = (value - reward).square().mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()
    actor_optimizer.step()
    critic_optimizer.zero_grad()
    critic_loss.backward()
    critic_optimizer.step()
    mean_reward += reward.mean().item() / 50
    if episode % 50 == 0:
        print(f"episode {episode} reward {mean_reward:.3f} critic loss {critic_loss.item():.4f}")
        mean_reward = 0.0
