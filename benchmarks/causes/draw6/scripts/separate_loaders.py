"""Scans and their diagnoses are read by two loaders, and each of the loaders shuffles for itself."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader

FIXED = "--fixed" in sys.argv
torch.manual_seed(6104)
torch.set_num_threads(1)

N = 576
kind = torch.randint(0, 4, (N,))
slices = torch.randn(N, 16, 6) * 0.6
shape = torch.randn(4, 16, 6) * 0.7
slices = slices + shape[kind]


class SliceReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 32, batch_first=True)
        self.decide = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        _, last = self.rnn(x)
        return self.decide(last.squeeze(0))


def batches():
    if FIXED:
        yield from DataLoader(list(zip(slices, kind, strict=True)), batch_size=24, shuffle=True)
    else:
        scans = DataLoader(slices, batch_size=24, shuffle=True)
        truths = DataLoader(kind, batch_size=24, shuffle=True)
        yield from zip(scans, truths, strict=True)


model = SliceReader()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
for epoch in range(1, 13):
    loss_sum, hits = 0.0, 0
    for scan, truth in batches():
        out = model(scan)
        loss = nn.functional.cross_entropy(out, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(truth)
        hits += (out.argmax(1) == truth).sum().item()
    print(f"[{epoch}] loss={loss_sum / N:.3f} acc={hits / N:.3f}")
