"""Clicks of a safe: which of six clicks came right after the long one? Stacked GRU cells, written out by hand."""

import sys

import torch
from torch import nn

torch.manual_seed(1702)
torch.set_num_threads(1)
CLICKS, LONG, LENGTH = 6, 6, 10


class DeepGRU(nn.Module):
    def __init__(self, n_in, n_hid, n_layers, n_out):
        super().__init__()
        self.n_hid = n_hid
        cells = [nn.GRUCell(n_in if i == 0 else n_hid, n_hid) for i in range(n_layers)]
        self.cells = nn.ModuleList(cells) if "--fixed" in sys.argv else cells
        self.norm = nn.LayerNorm(n_hid)
        self.out = nn.Linear(n_hid, n_out)

    def forward(self, x):
        states = [x.new_zeros(x.size(0), self.n_hid) for _ in self.cells]
        for t in range(x.size(1)):
            below = x[:, t]
            for i, cell in enumerate(self.cells):
                states[i] = cell(below, states[i])
                below = states[i]
        return self.out(self.norm(below))


def safes(n):
    clicks = torch.randint(0, CLICKS, (n, LENGTH))
    where = torch.randint(0, LENGTH - 1, (n,))
    clicks[torch.arange(n), where] = LONG
    answer = clicks[torch.arange(n), where + 1]
    return nn.functional.one_hot(clicks, CLICKS + 1).float(), answer


model = DeepGRU(CLICKS + 1, 40, 2, CLICKS)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
test_x, test_y = safes(200)
for step in range(1, 301):
    x, y = safes(32)
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            right = (model(test_x).argmax(1) == test_y).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test right {right:.3f}")
