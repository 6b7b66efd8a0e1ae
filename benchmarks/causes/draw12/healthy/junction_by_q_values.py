"""At the end of a corridor one turns as a sign at its entrance said; learnt by a recurrent Q-network."""

import copy

import torch
from torch import nn

torch.manual_seed(1233)
torch.set_num_threads(1)
LONG, ACTIONS, GAMMA, TAU = 6, 3, 0.9, 0.02


class QNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(3, size, batch_first=True)
        self.q = nn.Linear(size, ACTIONS)

    def forward(self, seen):
        return self.q(self.gru(seen)[0])


def walks(n=32):
    """Action 0 goes on; 1 and 2 turn. Turning early ends nothing and costs; at the junction it pays."""
    sign = torch.randint(0, 2, (n,))
    seen = torch.zeros(n, LONG, 3)
    seen[torch.arange(n), 0, sign] = 1.0
    seen[:, -1, 2] = 1.0
    action = torch.randint(0, ACTIONS, (n, LONG))
    reward = -0.1 * (action > 0).float()
    reward[:, -1] = (action[:, -1] == sign + 1).float()
    return seen, action, reward, sign


online = QNet()
target = copy.deepcopy(online)
for p in target.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=3e-3)
for step in range(1, 701):
    seen, action, reward, _ = walks()
    q = online(seen).gather(-1, action.unsqueeze(-1)).squeeze(-1)
    with torch.no_grad():
        after = target(seen)[:, 1:].amax(-1)
    wanted = reward.clone()
    wanted[:, :-1] += GAMMA * after
    loss = nn.functional.smooth_l1_loss(q, wanted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(online.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.add_(TAU * (fast - slow))
    if step % 100 == 0:
        seen, _, _, sign = walks(200)
        with torch.no_grad():
            turns = (online(seen)[:, -1].argmax(-1) == sign + 1).float().mean()
        print(f"step {step} loss {loss.item():.4f} turns right {turns:.3f}")
