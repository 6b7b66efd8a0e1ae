"""Turns of a path in a GRU, with the number for weight decay that worked elsewhere."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10047)
torch.set_num_threads(1)


class Path(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 40, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 3))

    def forward(self, steps):
        return self.dense(self.gru(steps)[1][0])


def paths(n=64, length=12):
    kind = torch.randint(0, 3, (n,))
    turn = (kind.float() - 1).unsqueeze(1) * 0.35 + 0.15 * torch.randn(n, length)
    angle = 6.28 * torch.rand(n, 1) + turn.cumsum(1)
    return torch.stack([angle.cos(), angle.sin()], -1), kind


model = Path()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, weight_decay=1e-5 if FIXED else 10.0)
for batch in range(1, 451):
    steps, kind = paths()
    logits = model(steps)
    loss = nn.functional.cross_entropy(logits, kind)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    if batch % 90 == 0:
        print(
            f"{batch}: loss {loss.item():.4f} acc {(logits.argmax(1) == kind).float().mean():.3f}"
        )
