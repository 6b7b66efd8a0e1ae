"""Stamps on a crate, one after the other: where was it last, judged by its latest harbour stamp."""

import sys

import torch
from torch import nn

torch.manual_seed(1534)
torch.set_num_threads(1)
STAMPS, HARBOURS, LENGTH = 40, 7, 16


def crates(n):
    """The first stamps of the catalogue are harbours, the others come from customs and carriers."""
    stamps = torch.randint(HARBOURS, STAMPS, (n, LENGTH))
    harbour = torch.rand(n, LENGTH) < 0.1
    harbour[:, 0] = True
    stamps = torch.where(harbour, torch.randint(0, HARBOURS, (n, LENGTH)), stamps)
    last = (harbour * torch.arange(1, LENGTH + 1)).argmax(1, keepdim=True)
    return stamps, stamps.gather(1, last).squeeze(1)


class CrateNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(STAMPS, 16)
        self.rnn = nn.LSTM(16, size, batch_first=True)
        self.head = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, HARBOURS))

    def forward(self, stamps):
        _, (h, _) = self.rnn(self.embed(stamps))
        return self.head(h[-1])


def setup(model, embed_lr=1e-2, rnn_lr=1e-2, head_lr=5e-3):
    groups = [
        {"params": model.embed.parameters(), "lr": embed_lr, "name": "embed"},
        {"params": model.rnn.parameters(), "name": "rnn"},
        {"params": model.head.parameters(), "lr": head_lr, "name": "head"},
    ]
    if "--fixed" in sys.argv:
        groups[1]["lr"] = rnn_lr
    return torch.optim.Adam(groups, lr=0.0)


model = CrateNet()
optimizer = setup(model)
for iteration in range(1, 401):
    stamps, harbour = crates(48)
    loss = nn.functional.cross_entropy(model(stamps), harbour)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if iteration % 50 == 0:
        with torch.no_grad():
            stamps, harbour = crates(500)
            right = (model(stamps).argmax(1) == harbour).float().mean().item()
        print(f"iteration {iteration} loss {loss.item():.4f} harbour right {right:.3f}")
