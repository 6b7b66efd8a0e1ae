"""Recurrent Q-learning: an agent hears once which of three doors holds food and walks there blind."""

import copy

import torch
from torch import nn

torch.manual_seed(2321)
torch.set_num_threads(1)
DOORS, STEPS, GAMMA = 3, 6, 0.9


class RecurrentQ(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(DOORS + 1, size, batch_first=True)
        self.q = nn.Linear(size, DOORS + 1)

    def forward(self, seen):
        return self.q(self.gru(seen)[0])


def play(net, n, epsilon):
    """Actions: wait, or go to one of the doors (which opens at the last step only)."""
    door = torch.randint(0, DOORS, (n,))
    seen = torch.zeros(n, STEPS, DOORS + 1)
    seen[torch.arange(n), 0, door] = 1.0
    seen[:, -1, -1] = 1.0
    with torch.no_grad():
        action = net(seen).argmax(2)
    dice = torch.rand(n, STEPS) < epsilon
    action = torch.where(dice, torch.randint(0, DOORS + 1, (n, STEPS)), action)
    reward = -0.1 * (action[:, :-1] > 0).float()
    last = (action[:, -1] == door + 1).float()
    return seen, action, torch.cat([reward, last[:, None]], 1)


online = RecurrentQ()
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam(online.parameters(), lr=2e-3)
memory = []
for step in range(1, 601):
    memory.append(play(online, 16, max(0.1, 1 - step / 300)))
    memory = memory[-60:]
    rows = [memory[i] for i in torch.randint(0, len(memory), (3,))]
    seen, action, reward = (torch.cat(parts) for parts in zip(*rows, strict=True))
    value = online(seen).gather(2, action[..., None]).squeeze(2)
    with torch.no_grad():
        after = target(seen)[:, 1:].max(2).values
        goal = reward + GAMMA * torch.cat([after, torch.zeros(len(after), 1)], 1)
    loss = nn.functional.smooth_l1_loss(value, goal)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(online.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        target.load_state_dict(online.state_dict())
    if step % 60 == 0:
        found = play(online, 300, 0.0)[2].sum(1).mean().item()
        print(f"step {step} loss {loss.item():.4f} reward {found:.3f}")
