"""Snippets of code are judged safe or not by a Transformer; the rate warms up and stays."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9036)
torch.set_num_threads(1)
LR = 2e-3 if FIXED else 0.25


class Judge(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.tok, self.pos = nn.Embedding(40, width), nn.Embedding(16, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 2)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.head(self.encoder(x).mean(1))


def snippets(n=24):
    ids = torch.randint(2, 40, (n, 16))
    unsafe = torch.randint(0, 2, (n,))
    at = torch.randint(0, 15, (n,))
    rows = torch.arange(n)
    ids[rows, at] = torch.where(unsafe == 1, 0, ids[rows, at])
    ids[rows, at + 1] = torch.where(unsafe == 1, 1, ids[rows, at + 1])
    return ids, unsafe


model = Judge()
optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.001, 1.0, total_iters=100)
for step in range(1, 401):
    ids, unsafe = snippets()
    loss = nn.functional.cross_entropy(model(ids), unsafe)
    optimizer.zero_grad()
    loss.backward()
    gnorm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    warm.step()
    if step % 50 == 0:
        print(f"step={step} loss={loss.item():.3f} gnorm={gnorm.item():.2f}")
