"""Genes on a strand: outside, first, inside; the scores of whole paths are normalised by hand."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(15103)
torch.set_num_threads(1)
BASES, TAGS, PAD = 4, 3, 4
OUT, FIRST, INSIDE = range(TAGS)


def strand():
    """A gene runs from base 0 after base 1 until a pair of base 3."""
    length = int(torch.randint(10, 17, (1,)))
    bases = torch.randint(0, BASES, (length,))
    tags, inside = [], False
    for t in range(length):
        if inside:
            tags.append(INSIDE)
            inside = not (bases[t] == 3 and bases[t - 1] == 3)
        elif t > 0 and bases[t] == 0 and bases[t - 1] == 1:
            tags.append(FIRST)
            inside = True
        else:
            tags.append(OUT)
    return bases, torch.tensor(tags)


def collate(rows):
    bases, tags = zip(*rows, strict=True)
    lengths = torch.tensor([len(b) for b in bases])
    bases = pad_sequence(bases, batch_first=True, padding_value=PAD)
    mask = torch.arange(bases.size(1)) < lengths.unsqueeze(1)
    return bases, pad_sequence(tags, batch_first=True), mask


class PathTagger(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(BASES + 1, 12, padding_idx=PAD)
        self.gru = nn.GRU(12, size, batch_first=True)
        self.emit = nn.Linear(size, TAGS)
        self.start = nn.Parameter(torch.zeros(TAGS))
        self.trans = nn.Parameter(torch.zeros(TAGS, TAGS))

    def scores(self, bases):
        return self.emit(self.gru(self.embed(bases))[0])

    def loss(self, bases, tags, mask):
        emit = self.scores(bases)
        picked = emit.gather(2, tags.unsqueeze(-1)).squeeze(-1)
        gold = self.start[tags[:, 0]] + (picked * mask).sum(1)
        gold = gold + (self.trans[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
        alpha = self.start + emit[:, 0]
        for t in range(1, emit.size(1)):
            step = torch.logsumexp(alpha.unsqueeze(2) + self.trans, 1) + emit[:, t]
            alpha = torch.where(mask[:, t : t + 1], step, alpha)
        return ((torch.logsumexp(alpha, 1) - gold) / mask.sum(1)).mean()

    @torch.no_grad()
    def best(self, bases):
        """The best path of one strand."""
        emit = self.scores(bases.unsqueeze(0))[0]
        score, back = self.start + emit[0], []
        for e in emit[1:]:
            score, came = (score.unsqueeze(1) + self.trans).max(0)
            score = score + e
            back.append(came)
        path = [int(score.argmax())]
        for came in reversed(back):
            path.append(int(came[path[-1]]))
        return torch.tensor(path[::-1])


loader = DataLoader([strand() for _ in range(1280)], 32, shuffle=True, collate_fn=collate)
held_out = [strand() for _ in range(100)]
model = PathTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    total = 0.0
    for bases, tags, mask in loader:
        loss = model.loss(bases, tags, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    right = torch.cat([model.best(b) == t for b, t in held_out]).float().mean()
    print(f"epoch {epoch} loss {total / len(loader):.4f} right {right:.3f}")
