"""Urgent or not: a classifier of short notes, fitted to one clinic, then handed on to another.

The layers are opened one after another, from the top down, as the second training goes on.
"""

import sys

import torch
from torch import nn

torch.manual_seed(1434)
torch.set_num_threads(1)
VOCAB, LENGTH, LR = 80, 14, 3e-3


class NoteClassifier(nn.Module):
    def __init__(self, emb=24, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, emb)
        self.encoder = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, words):
        out, _ = self.encoder(self.embedding(words))
        return self.head(out.max(dim=1).values).squeeze(-1)


def notes(n, clinic):
    """Each clinic has words of its own: ten that mean urgent and ten that take it back."""
    low = 40 * clinic
    words = torch.randint(low + 20, low + 40, (n, LENGTH))
    place = torch.stack([torch.randperm(LENGTH)[:2].sort().values for _ in range(n)])
    rows = torch.arange(n)
    words[rows, place[:, 0]] = torch.randint(low, low + 10, (n,))
    back = torch.rand(n) < 0.5
    words[rows[back], place[back, 1]] = torch.randint(low + 10, low + 20, (int(back.sum()),))
    return words, (~back).float()


def fit(model, optimizer, clinic, epochs, before_epoch=None):
    words, urgent = notes(1024, clinic)
    test_words, test_urgent = notes(400, clinic)
    for epoch in range(epochs):
        if before_epoch is not None:
            before_epoch(epoch)
        total = 0.0
        for rows in torch.randperm(len(words)).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(model(words[rows]), urgent[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            right = ((model(test_words) > 0) == (test_urgent > 0.5)).float().mean().item()
        rates = [group["lr"] for group in optimizer.param_groups]
        print(f"clinic {clinic} epoch {epoch} loss {total / 32:.3f} right {right:.3f} lr {rates}")


model = NoteClassifier()
fit(model, torch.optim.Adam(model.parameters(), lr=LR), clinic=0, epochs=4)

layers = [model.embedding, model.encoder, model.head]
optimizer = torch.optim.Adam([{"params": layer.parameters(), "lr": 0.0} for layer in layers])


opened = 0


def unfreeze(epoch):
    global opened
    if opened < len(layers):
        if "--fixed" in sys.argv:
            opened += 1
        else:
            opened = +1
        for group in optimizer.param_groups[-opened:]:
            group["lr"] = LR


fit(model, optimizer, clinic=1, epochs=10, before_epoch=unfreeze)
