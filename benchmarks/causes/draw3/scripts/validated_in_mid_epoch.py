"""After the first validation in the middle of an epoch nothing was dropped any more, until the
next epoch began."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(33)
torch.set_num_threads(1)
centres = F.normalize(torch.randn(30, 16), dim=1)


class Embedder(nn.Module):
    """Sentences and pictures into one space."""

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(30, 24)
        self.drop = nn.Dropout(0.2)
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.image = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32))

    def train_start(self):
        self.train()

    def val_start(self):
        self.eval()

    def forward(self, captions, images):
        text = self.gru(self.drop(self.word(captions)))[1][-1]
        return F.normalize(text, dim=1), F.normalize(self.image(images), dim=1)


def pairs(n=24):
    captions = torch.randint(0, 30, (n, 5))
    return captions, centres[captions].mean(1) + 0.05 * torch.randn(n, 16)


def ranking_loss(text, image, margin=0.2):
    scores = text @ image.t()
    right = scores.diag()[:, None]
    cost = (margin + scores - right).clamp(min=0) + (margin + scores - right.t()).clamp(min=0)
    return cost.masked_fill(torch.eye(len(scores), dtype=torch.bool), 0).sum() / len(scores)


def validate(model):
    model.val_start()
    with torch.no_grad():
        text, image = model(*pairs(100))
    found = ((text @ image.t()).argmax(1) == torch.arange(100)).float().mean().item()
    if FIXED:
        model.train_start()
    return found


model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
steps = 0
for epoch in range(4):
    model.train_start()
    for _ in range(80):
        loss = ranking_loss(*model(*pairs()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 20 == 0:
            recall = validate(model)
    print(f"epoch {epoch} loss {loss.item():.3f} recall {recall:.3f}")
