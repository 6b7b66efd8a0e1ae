"""Three reservoirs: from the gates that are opened each minute, their levels are rolled forward."""

import sys

import torch
from torch import nn

torch.manual_seed(45)
torch.set_num_threads(1)
MINUTES = 50
STATE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16


def rivers(n):
    """True levels in metres: inflow through the gates, outflow by depth, and a passage between."""
    level = 3 + 3 * torch.rand(n, 3)
    gates = (torch.rand(n, MINUTES // 10, 3) < 0.5).float().repeat_interleave(10, 1)
    levels = [level]
    for t in range(MINUTES):
        passing = 0.004 * (level - level.roll(1, 1))
        level = level + 0.015 * gates[:, t] - 0.003 * level.sqrt() - passing
        levels.append(level)
    return gates, torch.stack(levels, 1)


class LevelCell(nn.Module):
    """One minute: the level plus a small change that a network reads from level and gates."""

    def __init__(self, hidden=32, dt=0.01):
        super().__init__()
        self.dt = dt
        self.change = nn.Sequential(nn.Linear(6, hidden), nn.Tanh(), nn.Linear(hidden, 3))

    def forward(self, gates, level):
        rate = self.change(torch.cat([gates, (level.float() - 4.5) / 1.5], -1))
        return level + (self.dt * rate).to(level.dtype)


class Roll(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = LevelCell()

    def forward(self, gates, start):
        level = start.to(STATE)
        levels = []
        for t in range(gates.size(1)):
            level = self.cell(gates[:, t], level)
            levels.append(level)
        return torch.stack(levels, 1).float()


model = Roll()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_gates, test_levels = rivers(128)
standing = (test_levels[:, 1:] - test_levels[:, :1]).square().mean().sqrt().item()
for step in range(1, 401):
    gates, levels = rivers(32)
    loss = 10 * nn.functional.mse_loss(model(gates, levels[:, 0]), levels[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            miss = (model(test_gates, test_levels[:, 0]) - test_levels[:, 1:]).square().mean()
        print(
            f"step {step} loss {loss.item():.5f} wrong by {100 * miss.sqrt().item():.2f} cm "
            f"(levels that stand still: {100 * standing:.2f} cm)"
        )
