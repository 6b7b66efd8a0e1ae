"""A gauge gives the level of a cistern at noon, a meter what drips in later: by how much has the level changed?"""

import sys

import torch
from torch import nn

torch.manual_seed(1645)
torch.set_num_threads(1)
MINUTES, DT = 40, 0.02


def cisterns(n):
    """The cistern loses a two-thousandth each minute and gains two hundredths of what the meter reads."""
    noon = 16 + 16 * torch.rand(n, 1)
    drips = 1.5 * torch.rand(n, 1) * (0.5 + torch.rand(n, MINUTES))
    level = noon
    for drip in drips.split(1, dim=1):
        level = level - 0.0005 * level + DT * drip
    return noon, drips.unsqueeze(2), level - noon


class LeakyStates(nn.Module):
    """Each unit starts at the gauge's reading, loses a share of its own and adds what it is given."""

    def __init__(self, size=24):
        super().__init__()
        self.inp = nn.Linear(1, size)
        self.log_rate = nn.Parameter(torch.linspace(-8.0, -6.0, size))
        self.out = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, 1))
        self.state_dtype = torch.float32 if "--fixed" in sys.argv else torch.bfloat16

    def forward(self, noon, drips):
        keep = 1 - self.log_rate.exp()
        added = DT * self.inp(drips)
        state = noon.to(self.state_dtype).expand(-1, len(keep))
        start = state.float()
        for add in added.unbind(1):
            state = (keep * state + add).to(self.state_dtype)
        return self.out(state.float() - start)


model = LeakyStates()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_noon, test_drips, test_change = cisterns(300)
for step in range(1, 321):
    noon, drips, change = cisterns(32)
    loss = nn.functional.mse_loss(model(noon, drips), change)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_noon, test_drips), test_change)
        print(
            f"step {step} loss {loss.item():.5f} test rmse {error.sqrt().item():.4f} "
            f"(spread {test_change.std().item():.3f})"
        )
