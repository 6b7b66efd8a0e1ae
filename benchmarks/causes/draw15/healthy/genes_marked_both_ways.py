"""Strands of bases: each base between a start and the stop that follows it is marked as part of a gene."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(15142)
torch.set_num_threads(1)
BASES, PAD, UNMARKED, TAGS = 7, 0, -100, 2


def strand():
    """Bases are 1 to 4; 5 opens a gene and 6 closes it. A 5 that no 6 follows opens nothing."""
    length = int(torch.randint(12, 31, ()))
    bases = torch.randint(1, 5, (length,))
    marks = torch.zeros(length, dtype=torch.long)
    a, b = torch.randperm(length - 2)[:2].sort().values.tolist()
    bases[a], closed = 5, torch.rand(()) < 0.6
    if closed:
        bases[b + 1] = 6
        marks[a : b + 2] = 1
    return bases, marks


def batch(n):
    strands = [strand() for _ in range(n)]
    lengths = torch.tensor([len(bases) for bases, _ in strands])
    bases = pad_sequence([bases for bases, _ in strands], True, PAD)
    marks = pad_sequence([marks for _, marks in strands], True, UNMARKED)
    return bases, marks, lengths


class Tagger(nn.Module):
    def __init__(self, size=28):
        super().__init__()
        self.embed = nn.Embedding(BASES, 12, padding_idx=PAD)
        self.lstm = nn.LSTM(12, size, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * size, TAGS)

    def forward(self, bases, lengths):
        packed = pack_padded_sequence(self.embed(bases), lengths, True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.tag(out)


tagger = Tagger()
optimizer = torch.optim.NAdam(tagger.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss(ignore_index=UNMARKED)
test = batch(200)
for step in range(1, 301):
    bases, marks, lengths = batch(24)
    loss = criterion(tagger(bases, lengths).flatten(0, 1), marks.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            bases, marks, lengths = test
            scores = tagger(bases, lengths)
            test_loss = criterion(scores.flatten(0, 1), marks.flatten()).item()
            known = marks != UNMARKED
            right = (scores.argmax(2) == marks)[known].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test loss {test_loss:.4f} right {right:.3f}")
