"""Sentences that tell what a photograph of a market shows, word by word, from its features."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(10)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
PAD, START, END = 0, 1, 2
COUNTS, COLOURS, GOODS, PLACES = 4, 5, 8, 4
FIRST = (3, 7, 12, 20)  # where the words of each kind begin
WORDS, LONGEST = 24, 6


def photographs(n):
    """Features, and the sentence: count, perhaps a colour, goods, place."""
    kinds = [torch.randint(0, k, (n,)) for k in (COUNTS, COLOURS, GOODS, PLACES)]
    plain = torch.rand(n) < 0.3
    captions = torch.full((n, LONGEST), PAD)
    for i in range(n):
        words = [FIRST[j] + int(kinds[j][i]) for j in range(4) if not (j == 1 and plain[i])]
        sentence = torch.tensor([START, *words, END])
        captions[i, : len(sentence)] = sentence
    parts = [F.one_hot(k, m).float() for k, m in zip(kinds, (4, 5, 8, 4), strict=True)]
    parts[1] = parts[1] * ~plain.unsqueeze(1)
    seen = torch.cat(parts, 1) @ MIXTURE
    return seen + 0.1 * torch.randn_like(seen), captions


MIXTURE = torch.randn(COUNTS + COLOURS + GOODS + PLACES, 40) / 2


class Captioner(nn.Module):
    def __init__(self, size=96):
        super().__init__()
        self.start = nn.Linear(40, size)
        self.words = nn.Embedding(WORDS, 32, padding_idx=PAD)
        self.gru = nn.GRU(32, size, batch_first=True)
        self.out = nn.Linear(size, WORDS)

    def forward(self, features, words):
        state = torch.tanh(self.start(features)).unsqueeze(0)
        rows, _ = self.gru(self.words(words), state)
        return self.out(rows)

    @torch.no_grad()
    def tell(self, features):
        state = torch.tanh(self.start(features)).unsqueeze(0)
        word = torch.full((len(features), 1), START)
        told = []
        for _ in range(LONGEST - 1):
            rows, state = self.gru(self.words(word), state)
            word = self.out(rows).argmax(2)
            told.append(word)
        return torch.cat(told, 1)


def share_told_right(model):
    features, captions = photographs(200)
    told, truth = model.tell(features), captions[:, 1:]
    return ((told == truth) | (truth == PAD)).all(1).float().mean().item()


model = Captioner()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 701):
    features, captions = photographs(48)
    target = captions[:, 1:]
    inputs = captions[:, :-1] if FIXED else captions[:, 1:]
    logits = model(features, inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 70 == 0:
        print(f"step {step} loss {loss.item():.4f} told right {share_told_right(model):.3f}")
