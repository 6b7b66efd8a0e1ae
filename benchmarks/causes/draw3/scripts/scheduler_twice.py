"""A scheduler that had been set for epochs was stepped at the end of each epoch and in each batch
as well. After one epoch there was no rate left."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import ExponentialLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(39)
torch.set_num_threads(1)
table = torch.randint(3, 20, (16,))


class Captioner(nn.Module):
    """Features of regions to a caption of four words."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(16, 32)
        self.embed = nn.Embedding(20, 32)
        self.cell = nn.LSTMCell(32, 32)
        self.word = nn.Linear(32, 20)

    def forward(self, regions, caption):
        h = torch.tanh(self.project(regions))
        c = torch.zeros_like(h)
        logits = []
        for t in range(caption.size(1) - 1):
            h, c = self.cell(self.embed(caption[:, t]), (h, c))
            logits.append(self.word(h))
        return torch.stack(logits, 1)


def batches(count=40, n=25):
    for _ in range(count):
        regions = torch.zeros(n, 16)
        picks = torch.stack([torch.randperm(16)[:3].sort().values for _ in range(n)])
        regions.scatter_(1, picks, 1.0)
        start, stop = torch.zeros(n, 1, dtype=torch.long), torch.ones(n, 1, dtype=torch.long)
        yield regions, torch.cat([start, table[picks], stop], 1)


def train_xe(model, optim, scheduler):
    running = 0.0
    for regions, caption in batches():
        out = model(regions, caption)
        optim.zero_grad()
        loss = F.cross_entropy(out.flatten(0, 1), caption[:, 1:].flatten())
        loss.backward()
        optim.step()
        running += loss.item()
        if not FIXED:
            scheduler.step()
    return running / 40


model = Captioner()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = ExponentialLR(optim, gamma=0.8)
for epoch in range(10):
    print(epoch, f"{train_xe(model, optim, scheduler):.3f}", scheduler.get_last_lr()[0])
    scheduler.step()
