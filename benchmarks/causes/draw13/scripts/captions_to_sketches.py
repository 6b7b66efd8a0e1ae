"""Captions and the strokes of sketches, both of any length, are drawn together pair by pair."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1337)
torch.set_num_threads(1)
THINGS, WORDS = 20, 60
gist = torch.randn(THINGS, 3)


class Encoder(nn.Module):
    def __init__(self, size_in, size=32, out=16):
        super().__init__()
        self.gru = nn.GRU(size_in, size, batch_first=True)
        self.out = nn.Linear(size, out)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        _, h = self.gru(packed)
        h = h[-1]
        if "--fixed" in sys.argv:
            h = h[order.argsort()]
        return nn.functional.normalize(self.out(h), dim=1)


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.caption = Encoder(24)
        self.sketch = Encoder(3)

    def forward(self, words, n_words, strokes, n_strokes):
        c = self.caption(self.words(words), n_words)
        s = self.sketch(strokes, n_strokes)
        return 8 * c @ s.T


def pairs(n):
    """A batch without two pairs of the same thing."""
    thing = torch.randperm(THINGS)[:n]
    words = 3 * thing[:, None] + torch.randint(0, 3, (n, 9))
    strokes = gist[thing][:, None] + 0.5 * torch.randn(n, 15, 3)
    return words, torch.randint(3, 10, (n,)), strokes, torch.randint(5, 16, (n,))


model = TwoTowers()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    scores = model(*pairs(16))
    target = torch.arange(16)
    loss = nn.functional.cross_entropy(scores, target)
    loss = 0.5 * (loss + nn.functional.cross_entropy(scores.T, target))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            found = [(model(*pairs(16)).argmax(1) == target).float().mean() for _ in range(10)]
        acc = torch.stack(found).mean().item()
        print(f"step {step} loss {loss.item():.4f} sketches found {acc:.3f}")
