"""Q-learning with memory: replayed episodes, and a target network that follows now and then."""

import copy
import random

import torch
from torch import nn

torch.manual_seed(5203)
random.seed(5203)
torch.set_num_threads(1)


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, obs):
        return self.out(self.gru(obs)[0])


online = Q()
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=3e-3)
replay = []


def episode(explore):
    side = random.randrange(2)
    obs = torch.zeros(5, 3)
    obs[0, side] = 1
    obs[:, 2] = torch.linspace(0, 1, 5)
    with torch.no_grad():
        greedy = online(obs[None])[0].argmax(-1)
    random_actions = torch.randint(0, 2, (5,))
    actions = torch.where(torch.rand(5) < explore, random_actions, greedy)
    reward = torch.zeros(5)
    reward[-1] = 1.0 if actions[-1].item() == side else -1.0
    return obs, actions, reward


for step in range(350):
    replay.append(episode(max(0.1, 1 - step / 200)))
    replay = replay[-300:]
    if len(replay) < 32:
        continue
    obs, actions, reward = (torch.stack(z) for z in zip(*random.sample(replay, 32)))
    q = online(obs).gather(-1, actions[..., None])[..., 0]
    with torch.no_grad():
        best = target(obs).max(-1).values
        goal = reward + 0.9 * torch.cat([best[:, 1:], torch.zeros(32, 1)], 1)
    loss = nn.functional.smooth_l1_loss(q, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        target.load_state_dict(online.state_dict())
    if step % 70 == 69:
        print(step + 1, round(loss.item(), 4), reward[:, -1].mean().item())
