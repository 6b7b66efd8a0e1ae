"""Q-learning with memory: a lamp shows at first which of two doors pays; a slow copy gives the targets."""

import copy

import torch
from torch import nn

torch.manual_seed(11104)
torch.set_num_threads(1)
STEPS = 5


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.q = nn.LSTM(2, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, seen):
        return self.q(self.rnn(seen)[0])


online = Q()
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=3e-3)
for update in range(1, 501):
    lamp = torch.randint(0, 2, (32,))
    seen = 0.1 * torch.randn(32, STEPS, 2)
    seen[torch.arange(32), 0, lamp] += 1
    action = torch.randint(0, 2, (32, STEPS))
    reward = torch.where(action == lamp[:, None], 0.5, -0.5)
    value = online(seen).gather(2, action[..., None]).squeeze(2)
    with torch.no_grad():
        following = target(seen).max(2).values[:, 1:]
        wanted = reward + 0.8 * nn.functional.pad(following, (0, 1))
    loss = nn.functional.smooth_l1_loss(value, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.lerp_(fast, 0.05)
    if update % 100 == 0:
        print(f"{update} td {loss.item():.4f}")
