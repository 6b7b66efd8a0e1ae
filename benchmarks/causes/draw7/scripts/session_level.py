"""Where a session ends and another takes its row, the mask that should empty the state is made and then
not used. A new visitor is served with the tastes of the one before."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7422)
torch.set_num_threads(1)

ITEMS = 12


class Recommender(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.width = width
        self.item = nn.Embedding(ITEMS, width)
        self.cell = nn.GRUCell(width, width)
        self.next = nn.Linear(width, ITEMS)

    def forward(self, clicks, starts, h):
        scores = []
        for item, start in zip(clicks, starts, strict=True):
            kept = h * (1 - start.float())[:, None]
            h = self.cell(self.item(item), kept if FIXED else h)
            scores.append(self.next(h))
        return torch.stack(scores), h


def visits(rows=24, t=12):
    starts = torch.zeros(t, rows, dtype=torch.bool)
    starts[0] = True
    starts[6] = True
    clicks = torch.zeros(t + 1, rows, dtype=torch.long)
    for k in range(t):
        fresh = torch.randint(0, ITEMS, (rows,))
        if k % 6 == 0:
            clicks[k] = first = fresh
        else:
            clicks[k] = (first + (k % 6) * (first % 4 + 1)) % ITEMS if k % 6 > 1 else fresh
    return clicks, starts


model = Recommender()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
h = torch.zeros(24, 40)
total = 0.0
for step in range(500):
    clicks, starts = visits()
    scores, h = model(clicks[:-1], starts, h)
    h = h.detach()
    known = [k for k in range(12) if k % 6 in (1, 2, 3, 4)]
    loss = nn.functional.cross_entropy(scores[known].flatten(0, 1), clicks[1:][known].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
    if step % 100 == 99:
        print(f"step {step + 1} loss {total / 100:.3f}")
        total = 0.0
