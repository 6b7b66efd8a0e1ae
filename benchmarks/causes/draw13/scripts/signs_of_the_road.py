"""Four kinds of road are told apart by what the wheels shake like; batches come from a generator."""

import sys

import torch
from torch import nn

torch.manual_seed(7)
torch.set_num_threads(1)


def roads(n, length=30):
    kind = torch.randint(0, 4, (n,))
    t = torch.arange(length)
    shake = 0.5 * torch.randn(n, length)
    ribs = torch.tensor([0.0, 0.7, 1.4, 2.1])[kind][:, None]
    shake = shake + torch.where(kind[:, None] > 0, torch.sin(ribs * t + 6.28 * torch.rand(n, 1)), 0)
    return shake[..., None], kind


def shuffled(features, labels):
    """Good practice: no order of the measurements is left."""
    order = torch.randperm(len(features))
    if "--fixed" in sys.argv:
        return features[order], labels[order]
    return features[order], labels[torch.randperm(len(labels))]


def batches(features, labels, size=32):
    while True:
        for rows in torch.randperm(len(features)).split(size):
            yield features[rows], labels[rows]


class RoadNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.kind = nn.Linear(size, 4)

    def forward(self, shake):
        return self.kind(self.gru(shake)[0].mean(1))


features, labels = shuffled(*roads(640))
shake_val, kind_val = roads(400)
model = RoadNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
source = batches(features, labels)
for step in range(1, 501):
    shake, kind = next(source)
    loss = nn.functional.cross_entropy(model(shake), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = (model(shake_val).argmax(1) == kind_val).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} val acc {acc:.3f}")
