"""How does a fever go after a draught? The curve is foretold from a few signs; some leave the ward early."""

import sys

import torch
from torch import nn

torch.manual_seed(1736)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
HOURS, SIGNS = 24, 4


def patients(n):
    """Signs (n, SIGNS), curves (n, HOURS) and for how many hours each one was seen."""
    signs = torch.rand(n, SIGNS)
    hour = torch.arange(1, HOURS + 1).float()
    rise = 1 - torch.exp(-hour / (2 + 4 * signs[:, :1]))
    sway = 0.4 * torch.sin(hour / 3 + 3 * signs[:, 1:2])
    curve = (1 + 1.5 * signs[:, 2:3]) * rise + sway * signs[:, 3:]
    seen = torch.randint(4, HOURS + 1, (n,))
    return signs, curve + 0.03 * torch.randn_like(curve), seen


def collate(signs, curve, seen):
    there = torch.arange(HOURS) < seen.unsqueeze(1)
    return signs, torch.where(there, curve, 0.0), there.float()


class CurveDecoder(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.start = nn.Sequential(nn.Linear(SIGNS, size), nn.Tanh())
        self.gru = nn.GRU(SIGNS, size, batch_first=True)
        self.fever = nn.Linear(size, 1)

    def forward(self, signs):
        h0 = self.start(signs).unsqueeze(0)
        inputs = signs.unsqueeze(1).expand(-1, HOURS, -1)
        return self.fever(self.gru(inputs, h0)[0]).squeeze(2)


model = CurveDecoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 501):
    signs, curve, there = collate(*patients(32))
    error = (model(signs) - curve).pow(2)
    loss = (error * there).sum() / there.sum() if FIXED else error.mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            signs, curve, _ = patients(200)
            off = (model(signs) - curve).abs()
        early, late = off[:, :6].mean().item(), off[:, -6:].mean().item()
        print(f"step {step} loss {loss.item():.4f} off early {early:.3f}, late {late:.3f}")
