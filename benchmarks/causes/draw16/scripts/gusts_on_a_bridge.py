"""Sway of a bridge after two seconds of wind; now and then a squall hits, far stronger than the rest."""

import sys

import torch
from torch import nn

torch.manual_seed(162406)
torch.set_num_threads(1)
STEPS = 24


def wind(n):
    """Wind in, sway out: a swinging deck pushed by the wind, with squalls in one record of thirty."""
    push = 0.5 * torch.randn(n, STEPS)
    squall = (torch.rand(n, 1) < 1 / 30).float()
    push = push * (1 + 14 * squall * torch.rand(n, 1))
    place, speed, sway = torch.zeros(n), torch.zeros(n), []
    for t in range(STEPS):
        speed = 0.9 * speed - 0.3 * place + push[:, t]
        place = place + 0.5 * speed
        sway.append(place)
    return push.unsqueeze(-1), torch.stack(sway, dim=1)


class Deck(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.inp = nn.Linear(1, hidden)
        self.rec = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, 1)
        nn.init.orthogonal_(self.rec.weight)

    def forward(self, x):
        drive, h, outs = self.inp(x), x.new_zeros(len(x), self.rec.in_features), []
        for t in range(STEPS):
            h = torch.relu(drive[:, t] + self.rec(h))
            outs.append(self.out(h))
        return torch.cat(outs, dim=1)


model = Deck()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
test_x, test_y = wind(400)
for step in range(1, 401):
    x, y = wind(32)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    if "--fixed" in sys.argv:
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    else:
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_x), test_y).item()
        print(f"step {step} loss {loss.item():.3f} test {error:.3f} of {test_y.var().item():.3f}")
