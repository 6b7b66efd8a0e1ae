"""Word vectors are packed, and unpacked again before the recurrent layer instead of after it. The
layer runs on over the filler, and its final state is what the filler has left."""

import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence as pack
from torch.nn.utils.rnn import pad_packed_sequence as unpack

FIXED = "--fixed" in sys.argv
torch.manual_seed(6131)
torch.set_num_threads(1)

LABELS = 6


class RnnEncoder(nn.Module):
    def __init__(self, vocab, dim, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.rnn = nn.LSTM(dim, hidden)

    def forward(self, inputs, lengths):
        embs = pack(self.embedding(inputs), lengths)
        if not FIXED:
            embs = unpack(embs)[0]
        _, (h, _) = self.rnn(embs)
        return h[-1]


class MultiLabel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = RnnEncoder(30, 16, 32)
        self.score = nn.Linear(32, LABELS)

    def forward(self, inputs, lengths):
        return self.score(self.encoder(inputs, lengths))


def documents(n=32, longest=60):
    lengths = torch.randint(3, 13, (n,))
    lengths[0] = longest
    lengths = lengths.sort(descending=True)[0]
    words = torch.randint(LABELS + 1, 30, (longest, n))
    wanted = (torch.rand(n, LABELS) < 0.3).float()
    for row in range(n):
        end = int(lengths[row])
        labels = wanted[row].nonzero()[:, 0]
        places = torch.randperm(end)[: len(labels)]
        kept = labels[: len(places)]
        wanted[row] = 0
        wanted[row, kept] = 1
        words[places, row] = kept + 1
        words[end:, row] = 0
    return words, lengths, wanted


model = MultiLabel()
optim = torch.optim.Adam(model.parameters(), lr=6e-3)
for update in range(1, 401):
    words, lengths, wanted = documents()
    scores = model(words, lengths)
    loss = nn.functional.binary_cross_entropy_with_logits(scores, wanted)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if update % 80 == 0:
        exact = ((scores > 0).float() == wanted).all(1).float().mean().item()
        print(f"update {update:4d} loss {loss.item():.3f} all labels right {exact:.3f}")
