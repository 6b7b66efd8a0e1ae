"""Edges of a graph come one after another; rare ones that do not fit those before are to be found."""

import sys

import torch
from torch import nn

torch.manual_seed(1208)
torch.set_num_threads(1)
NODES, HISTORY = 12, 10


class TransformerBinaryClassifier(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.source = nn.Embedding(NODES, width)
        self.target = nn.Embedding(NODES, width)
        self.place = nn.Parameter(0.1 * torch.randn(HISTORY, width))
        self.layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.classifier = nn.Linear(width, 1)

    def forward(self, edges):
        x = self.source(edges[..., 0]) + self.target(edges[..., 1]) + self.place
        x = self.lstm(self.layer(x))[0][:, -1]
        logits = self.classifier(x).squeeze(1)
        if "--fixed" in sys.argv:
            return logits
        return torch.sigmoid(logits)


def criterion(logits, labels):
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)


def edges(n=64):
    """A path goes on from node to node; an odd last edge begins somewhere else. One in five is odd."""
    path = torch.randint(0, NODES, (n, HISTORY + 1))
    rows = torch.stack([path[:, :-1], path[:, 1:]], -1)
    odd = torch.rand(n) < 0.2
    other = (path[:, -2] + torch.randint(1, NODES, (n,))) % NODES
    rows[:, -1, 0] = torch.where(odd, other, path[:, -2])
    return rows, odd.float()


def f_score(model, n=1000):
    rows, odd = edges(n)
    with torch.no_grad():
        scores = model(rows)
        said = (torch.sigmoid(scores) > 0.5).float()
    hits = (said * odd).sum()
    return (2 * hits / (said.sum() + odd.sum()).clamp(min=1)).item()


model = TransformerBinaryClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
running = 0.0
for step in range(1, 601):
    rows, odd = edges()
    loss = criterion(model(rows), odd)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    running += loss.item()
    if step % 100 == 0:
        print(f"{step} loss {running / 100:.4f} f-score of odd ones {f_score(model):.3f}")
        running = 0.0
