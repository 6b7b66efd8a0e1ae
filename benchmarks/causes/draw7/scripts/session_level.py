"""Where a session ends and another takes its row, the mask that should empty the state is made and then
not used. A new visitor is served with the tastes of the one before."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7425)
torch.set_num_threads(1)

ITEMS = 12


class Recommender(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.item = nn.Embedding(ITEMS, width)
        self.cell = nn.GRUCell(width, width)
        self.next = nn.Linear(width, 2)

    def forward(self, clicks, starts, h):
        scores = []
        for item, start in zip(clicks, starts, strict=True):
            kept = h * (1 - start.float())[:, None]
            h = self.cell(self.item(item), kept if FIXED else h)
            scores.append(self.next(h))
        return torch.stack(scores), h


def visits(rows=24, t=14):
    starts = torch.rand(t, rows) < 0.2
    starts[0] = True
    clicks = torch.randint(0, ITEMS, (t, rows))
    taste, liked = torch.zeros(rows), []
    for item, start in zip(clicks, starts, strict=True):
        taste = torch.where(start, 0.0, taste) + item - 5.5
        liked.append((taste > 0).long())
    return clicks, starts, torch.stack(liked)


model = Recommender()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
h = torch.zeros(24, 32)
total = 0.0
for step in range(350):
    clicks, starts, liked = visits()
    scores, h = model(clicks, starts, h)
    h = h.detach()
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), liked.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
    if step % 70 == 69:
        print(f"step {step + 1} loss {total / 70:.3f}")
        total = 0.0
