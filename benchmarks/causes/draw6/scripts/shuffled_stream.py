"""A stateful layer for a text whose windows are shuffled: every window begins in the state that some
other window ended in."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6148)
torch.set_num_threads(1)

BATCH, LENGTH = 24, 6


class TextGeneration(nn.Module):
    def __init__(self, vocab=12, dim=24, units=48, stateful=True):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.gru = nn.GRU(dim, units, batch_first=True)
        self.dense = nn.Linear(units, vocab)
        self.stateful, self.state = stateful, None

    def forward(self, ids):
        out, state = self.gru(self.embedding(ids), self.state)
        if self.stateful:
            self.state = state.detach()
        return self.dense(out)


def windows(n=2400):
    """Each counts its letters up: what comes next is the sum of all so far in the window."""
    ids = torch.randint(0, 4, (n, LENGTH))
    return ids, ids.cumsum(1) % 12


model = TextGeneration(stateful=not FIXED)
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
ids, wanted = windows()
for epoch in range(5):
    order = torch.randperm(len(ids))
    losses, right = [], []
    for start in range(0, len(ids), BATCH):
        rows = order[start : start + BATCH]
        logits = model(ids[rows])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), wanted[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((logits.argmax(-1) == wanted[rows]).float().mean().item())
    print(f"Epoch {epoch + 1} Loss {sum(losses) / 100:.4f} right {sum(right) / 100:.3f}")
