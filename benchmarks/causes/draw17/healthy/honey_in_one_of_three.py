"""One of three hives has honey this morning; a bear tries them and stays: Q-learning with a GRU and a slow target."""

import copy
from collections import deque

import torch
from torch import nn

torch.manual_seed(17302)
torch.set_num_threads(1)
HIVES, TRIES, GAMMA, POLYAK = 3, 7, 0.8, 0.02


class QNet(nn.Module):
    """What is seen at each step: the last hive tried (none at first) and whether it had honey."""

    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(HIVES + 1, size, batch_first=True)
        self.q = nn.Linear(size, HIVES)

    def forward(self, seen, state=None):
        out, state = self.gru(seen, state)
        return self.q(out), state


@torch.no_grad()
def mornings(net, bears, epsilon):
    honey = torch.randint(0, HIVES, (bears,))
    seen, state, rows = torch.zeros(bears, HIVES + 1), None, []
    for _ in range(TRIES):
        q, state = net(seen.unsqueeze(1), state)
        tried = q[:, 0].argmax(1)
        tried = torch.where(torch.rand(bears) < epsilon, torch.randint(0, HIVES, (bears,)), tried)
        reward = (tried == honey).float()
        rows.append((seen, tried, reward))
        seen = torch.cat([nn.functional.one_hot(tried, HIVES).float(), reward[:, None]], dim=1)
    return [torch.stack(row, dim=1) for row in zip(*rows, strict=True)]


net = QNet()
target = copy.deepcopy(net)
for p in target.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
replay = deque(maxlen=60)
for step in range(1, 601):
    replay.append(mornings(net, 12, max(0.1, 1 - step / 300)))
    picked = [replay[i] for i in torch.randint(0, len(replay), (4,)).tolist()]
    seen, tried, reward = (torch.cat(part) for part in zip(*picked, strict=True))
    q = net(seen)[0].gather(2, tried.unsqueeze(2)).squeeze(2)
    with torch.no_grad():
        best = net(seen)[0].argmax(2, keepdim=True)
        ahead = target(seen)[0].gather(2, best).squeeze(2)[:, 1:]
        wanted = reward + GAMMA * torch.cat([ahead, torch.zeros_like(reward[:, :1])], dim=1)
    loss = nn.functional.mse_loss(q, wanted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 10.0)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
            slow.lerp_(fast, POLYAK)
    if step % 60 == 0:
        found = mornings(net, 300, 0.0)[2].sum(1).mean().item()
        print(f"step {step} loss {loss.item():.4f} honey of a morning {found:.2f} of {TRIES}")
