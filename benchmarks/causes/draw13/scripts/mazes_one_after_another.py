"""An agent copies a guide: the lamps that flash along a maze say, counted, which way to turn."""

import sys

import torch
from torch import nn

torch.manual_seed(1320)
torch.set_num_threads(1)
TURNS = 3


def mazes(n):
    """None, one or two flashes, anywhere on the way; the turn is at the end."""
    length = int(torch.randint(4, 16, (1,)))
    turn = torch.randint(0, TURNS, (n,))
    order = torch.rand(n, length).argsort(1)
    flash = (order < turn.unsqueeze(1)).float()
    seen = torch.stack([flash, 1 - flash], -1)
    return seen + 0.05 * torch.randn_like(seen), turn


class Policy(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.actor = nn.Linear(size, TURNS)

    def forward(self, seen, state):
        out, state = self.gru(seen, state)
        return self.actor(out[:, -1]), state


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
state = torch.zeros(1, 32, 24)
for episode in range(1, 401):
    seen, turn = mazes(32)
    if "--fixed" in sys.argv:
        state = torch.zeros(1, 32, 24)
    logits, state = policy(seen, state)
    state = state.detach()
    loss = nn.functional.cross_entropy(logits, turn)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    if episode % 50 == 0:
        with torch.no_grad():
            seen, turn = mazes(400)
            logits, _ = policy(seen, torch.zeros(1, 400, 24))
            right = (logits.argmax(1) == turn).float().mean().item()
        print(f"episode {episode} loss {loss.item():.4f} right from a fresh start {right:.3f}")
