"""A recurrent Q network was fed batches first, and its LSTM took the batch for time: one episode
of the memory ran on into the next."""

import copy
import sys
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(28)
torch.set_num_threads(1)


class DRQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(4, 24)
        self.lstm = nn.LSTM(24, 24, 1, batch_first=FIXED)
        self.q = nn.Linear(24, 2)

    def forward(self, x):
        out, _ = self.lstm(F.relu(self.features(x)))
        return self.q(out)


def episode():
    """Remember which lamp was lit at the start; act at the end."""
    lamp = int(torch.randint(0, 2, (1,)))
    obs = torch.zeros(6, 4)
    obs[0, lamp] = 1
    obs[1:, 2] = 1
    obs[-1, 3] = 1
    actions = torch.randint(0, 2, (6,))
    reward = torch.zeros(6)
    reward[-1] = 1.0 if int(actions[-1]) == lamp else -1.0
    return obs, actions, reward


q, target = DRQN(), DRQN()
target.load_state_dict(q.state_dict())
target.requires_grad_(False)
memory = deque(maxlen=400)
for _ in range(200):
    memory.append(episode())
optimizer = torch.optim.Adam(q.parameters(), lr=2e-3)
for step in range(300):
    memory.append(episode())
    pick = torch.randint(0, len(memory), (32,))
    obs, actions, reward = (torch.stack(part) for part in zip(*(memory[int(i)] for i in pick)))
    values = q(obs).gather(2, actions[..., None]).squeeze(2)
    with torch.no_grad():
        following = target(obs).max(2).values
        following = torch.cat([following[:, 1:], torch.zeros(32, 1)], 1)
    loss = F.smooth_l1_loss(values, reward + 0.9 * following)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        target.load_state_dict(copy.deepcopy(q.state_dict()))
    if step % 60 == 59:
        print(step + 1, f"td {loss.item():.4f}")
