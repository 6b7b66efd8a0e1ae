"""Trains of counts from a neuron, of uneven length, are put in classes by an encoder over packed rows."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1218)
torch.set_num_threads(1)
LONGEST, CLASSES = 30, 4


class Encoder(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Linear(1, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.classify = nn.Linear(size, CLASSES)

    def forward(self, counts, lengths):
        x = torch.relu(self.embed(counts.unsqueeze(-1)))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, hidden = self.gru(packed)
        return self.classify(hidden[-1])


def lengths_of(counts, recorded):
    if "--fixed" in sys.argv:
        return recorded
    return (counts > 0).sum(1).clamp(min=1)


def trains(n=32):
    """A burst at the end of the recording tells the class: how often and how strongly it fired."""
    recorded = torch.randint(16, LONGEST + 1, (n,))
    kind = torch.randint(0, CLASSES, (n,))
    counts = torch.bernoulli(torch.full((n, LONGEST), 0.35))
    to_end = recorded[:, None] - torch.arange(LONGEST)
    counts = torch.where((to_end <= 4) & (to_end > 0), 0.0, counts)
    counts = torch.where(to_end == 4, 1.0 + (kind % 2)[:, None], counts)
    counts = torch.where(to_end == 1, 1.0 + (kind // 2)[:, None], counts)
    counts = torch.where(to_end <= 0, 0.0, counts)
    return counts, recorded, kind


model = Encoder()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 601):
    counts, recorded, kind = trains()
    loss = nn.functional.cross_entropy(model(counts, lengths_of(counts, recorded)), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        counts, recorded, kind = trains(400)
        with torch.no_grad():
            scores = model(counts, lengths_of(counts, recorded))
        right = (scores.argmax(1) == kind).float().mean()
        print(f"step {step} loss {loss.item():.4f} classes right {right:.3f}")
