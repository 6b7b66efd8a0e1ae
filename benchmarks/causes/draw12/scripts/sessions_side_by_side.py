"""Shoppers' sessions run side by side; where one ends the next begins in its slot, in the midst of a batch."""

import sys

import torch
from torch import nn

torch.manual_seed(1220)
torch.set_num_threads(1)
SLOTS, STEPS, ITEMS = 32, 25, 8


class Sessions:
    """Each slot holds a session of random length; how many dear items (0 and 1) it has had is wanted."""

    def __init__(self):
        self.left = torch.randint(1, 12, (SLOTS,))
        self.dear = torch.zeros(SLOTS, dtype=torch.long)

    def window(self):
        items, begins, wanted = [], [], []
        for _ in range(STEPS):
            new = self.left == 0
            self.left = torch.where(new, torch.randint(3, 12, (SLOTS,)), self.left) - 1
            item = torch.randint(0, ITEMS, (SLOTS,))
            self.dear = (torch.where(new, 0, self.dear) + (item < 2)).clamp(max=4)
            items.append(item)
            begins.append(new)
            wanted.append(self.dear)
        return torch.stack(items), torch.stack(begins), torch.stack(wanted)


class GRU4Rec(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.size = size
        self.items = nn.Embedding(ITEMS, size)
        self.cell = nn.GRUCell(size, size)
        self.wanted = nn.Linear(size, 5)

    def forward(self, items, begins, hidden):
        out = []
        for item, new in zip(self.items(items), begins, strict=True):
            if "--fixed" in sys.argv:
                hidden = hidden * (~new).float().unsqueeze(1)
            hidden = self.cell(item, hidden)
            out.append(self.wanted(hidden))
        return torch.stack(out), hidden.detach()


model, sessions = GRU4Rec(), Sessions()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
hidden = torch.zeros(SLOTS, model.size)
right = 0.0
for batch in range(1, 501):
    items, begins, wanted = sessions.window()
    scores, hidden = model(items, begins, hidden)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    right += (scores.argmax(-1) == wanted).float().mean().item()
    if batch % 100 == 0:
        print(f"batch {batch} loss {loss.item():.4f} counts right {right / 100:.3f}")
        right = 0.0
