"""Kinds of crossings are told from counts of cars; a check is made before training and after each epoch."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1228)
torch.set_num_threads(1)
LANES, QUARTERS, KINDS = 4, 32, 5


class CrossingNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.norm = nn.BatchNorm1d(LANES)
        self.rnn = nn.GRU(LANES, size, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.kind = nn.Linear(size, KINDS)

    def forward(self, counts):
        x = self.norm(counts.transpose(1, 2)).transpose(1, 2)
        _, hidden = self.rnn(x)
        return self.kind(self.drop(hidden[-1]))


def crossings(n):
    """Some hundred cars a quarter pass everywhere; kinds differ in how two lanes follow one another."""
    kind = torch.randint(0, KINDS, (n,))
    wave = torch.randn(n, QUARTERS + KINDS)
    counts = 250 + 25 * torch.randn(n, QUARTERS, LANES)
    counts[..., 0] += 60 * wave[:, KINDS:]
    late = torch.stack(
        [wave[i, KINDS - k : KINDS - k + QUARTERS] for i, k in enumerate(kind.tolist())]
    )
    counts[..., 1] += 60 * late
    return counts, kind


train = DataLoader(TensorDataset(*crossings(2000)), batch_size=40, shuffle=True)
valid_counts, valid_kind = crossings(400)
model = CrossingNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        scores = model(valid_counts)
    return nn.functional.cross_entropy(scores, valid_kind), (
        scores.argmax(1) == valid_kind
    ).float().mean()


print("before training: loss {:.3f} right {:.3f}".format(*evaluate()))
for epoch in range(1, 15):
    if "--fixed" in sys.argv:
        model.train()
    for counts, kind in train:
        loss = nn.functional.cross_entropy(model(counts), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 2 == 0:
        print(
            f"epoch {epoch} loss {loss:.4f}",
            "held out: loss {:.3f} right {:.3f}".format(*evaluate()),
        )
