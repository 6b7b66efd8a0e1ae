"""Two texts of a pair are each sorted by length to be packed, each in an order of its own, and none is
put back. They are compared row by row, with the texts of strangers."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7364)
torch.set_num_threads(1)


class Matcher(nn.Module):
    def __init__(self, vocab=20, dim=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.score = nn.Sequential(nn.Linear(3 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))

    def encode(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(self.emb(words[order]), lengths, True)
        h = self.rnn(packed)[1][0]
        return h[order.argsort()] if FIXED else h

    def forward(self, a, a_len, b, b_len):
        a, b = self.encode(a, a_len), self.encode(b, b_len)
        return self.score(torch.cat([a, b, a * b], 1)).squeeze(1)


def pairs(n=32, t=10):
    topic = torch.randint(0, 4, (2, n))
    same = torch.rand(n) < 0.5
    topic[1] = torch.where(same, topic[0], topic[1])
    texts, lengths = [], torch.randint(4, t + 1, (2, n))
    for k in range(2):
        words = 5 * topic[k][:, None] + torch.randint(0, 5, (n, t))
        words[torch.arange(t) >= lengths[k][:, None]] = 0
        texts.append(words)
    return texts[0], lengths[0], texts[1], lengths[1], (topic[0] == topic[1]).float()


model = Matcher()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(350):
    *x, y = pairs()
    loss = nn.functional.binary_cross_entropy_with_logits(model(*x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"step {step + 1} loss {loss.item():.3f}")
