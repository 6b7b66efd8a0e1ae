"""A rat learns the worth of turns in a maze with a cue at its entry; a slow brain gives targets."""

import copy

import torch
from torch import nn

torch.manual_seed(204)
torch.set_num_threads(1)
LENGTH, GAMMA, TAU = 6, 0.95, 0.02


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 32, batch_first=True)
        self.q = nn.Linear(32, 2)

    def forward(self, obs):
        return self.q(self.gru(obs)[0])


def episodes(n=32):
    cue = torch.randint(0, 2, (n,))
    obs = torch.zeros(n, LENGTH + 1, 3)
    obs[torch.arange(n), 0, cue] = 1.0
    obs[:, LENGTH - 1 :, 2] = 1.0
    actions = torch.randint(0, 2, (n, LENGTH))
    reward = torch.zeros(n, LENGTH)
    reward[:, -1] = torch.where(actions[:, -1] == cue, 1.0, -0.2)
    done = torch.zeros(n, LENGTH)
    done[:, -1] = 1.0
    return obs, actions, reward, done


online = QNet()
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=4e-3)
for step in range(500):
    obs, actions, reward, done = episodes()
    q = online(obs[:, :-1]).gather(2, actions[..., None]).squeeze(2)
    with torch.no_grad():
        best = target(obs)[:, 1:].max(2).values
        wanted = reward + GAMMA * (1 - done) * best
    loss = nn.functional.smooth_l1_loss(q, wanted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(online.parameters(), 5.0)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.lerp_(fast, TAU)
    if step % 100 == 99:
        print(
            f"step {step + 1} td {loss.item():.5f}, worth of the start {q[:, 0].mean().item():.3f}"
        )
