"""A recurrent Q network whose target follows slowly, with replay of short episodes."""

import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
random.seed(2)
torch.set_num_threads(1)


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(3, 24)
        self.lstm = nn.LSTM(24, 24, batch_first=True)
        self.val, self.adv = nn.Linear(24, 1), nn.Linear(24, 2)

    def forward(self, obs, state=None):
        h, state = self.lstm(F.relu(self.enc(obs)), state)
        adv = self.adv(h)
        return self.val(h) + adv - adv.mean(-1, keepdim=True), state


online, target = QNet(), QNet()
target.load_state_dict(online.state_dict())
for p in target.parameters():
    p.requires_grad = False
optimizer = torch.optim.Adam(online.parameters(), lr=2e-3)
replay = deque(maxlen=500)
epsilon = 1.0
for episode in range(350):
    cue = random.randrange(2)
    obs = torch.zeros(6, 3)
    obs[0, cue] = 1
    obs[1:, 2] = 1
    state, actions, rewards = None, [], []
    with torch.no_grad():
        for t in range(6):
            q, state = online(obs[None, t : t + 1], state)
            act = random.randrange(2) if random.random() < epsilon else int(q.argmax())
            actions.append(act)
            rewards.append(float(act == cue) if t == 5 else 0.0)
    replay.append((obs, torch.tensor(actions), torch.tensor(rewards)))
    epsilon = max(0.1, epsilon * 0.985)
    if len(replay) < 32:
        continue
    obs, actions, rewards = (torch.stack(x) for x in zip(*random.sample(replay, 32)))
    q = online(obs)[0].gather(2, actions[..., None]).squeeze(2)
    with torch.no_grad():
        best = online(obs)[0].argmax(2, keepdim=True)
        following = target(obs)[0].gather(2, best).squeeze(2)
        following = torch.cat([following[:, 1:], torch.zeros(32, 1)], 1)
    loss = F.smooth_l1_loss(q, rewards + 0.95 * following)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters()):
            slow.lerp_(fast, 0.02)
    if episode % 70 == 69:
        print(episode + 1, f"{loss.item():.4f}")
