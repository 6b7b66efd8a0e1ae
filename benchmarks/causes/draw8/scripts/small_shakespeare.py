"""A small writer of letters with a recurrent cell of its own, configured by a few names."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8146)
torch.set_num_threads(1)
config = {"dtype": "float32" if FIXED else "float16", "lr": 2e-3, "iters": 250, "block": 16}
dtype = {"float16": torch.float16, "float32": torch.float32}[config["dtype"]]


class Cell(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.x, self.h = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width, bias=False)

    def forward(self, x, h):
        gate, new = (self.x(x) + self.h(h)).chunk(2, -1)
        gate = torch.sigmoid(gate)
        return gate * h + (1 - gate) * torch.tanh(new)


class Writer(nn.Module):
    def __init__(self, letters=16, width=32):
        super().__init__()
        self.letters, self.cell = nn.Embedding(letters, width), Cell(width)
        self.head = nn.Linear(width, letters)

    def forward(self, ids):
        x = self.letters(ids)
        h, out = torch.zeros_like(x[:, 0]), []
        for t in range(ids.shape[1]):
            h = self.cell(x[:, t], h)
            out.append(h)
        return self.head(torch.stack(out, 1))


def block(n=32):
    ids = torch.randint(0, 16, (n, config["block"] + 1))
    for t in range(2, ids.shape[1]):
        ids[:, t] = torch.where(torch.rand(n) < 0.9, (ids[:, t - 1] + 5) % 16, ids[:, t])
    return ids[:, :-1], ids[:, 1:]


model = Writer().to(dtype)
optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=0.0)
for it in range(config["iters"]):
    x, y = block()
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 50 in (0, 49):
        print(f"iter {it + 1}: loss {loss.item():.4f}")
