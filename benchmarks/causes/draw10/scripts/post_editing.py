"""Is a machine's translation right for its source? Two encoders, each of which packs its sentences."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(10038)
torch.set_num_threads(1)
VOCAB = 12


class Sentence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, batch_first=True)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(words[order]), lengths, batch_first=True)
        h = self.lstm(packed)[1][0][-1]
        if FIXED:
            h = h[order.argsort()]
        return h


class Grader(nn.Module):
    def __init__(self):
        super().__init__()
        self.src, self.mt = Sentence(), Sentence()
        self.grade = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, src, src_len, mt, mt_len):
        pair = torch.cat([self.src(src, src_len), self.mt(mt, mt_len)], 1)
        return self.grade(pair).squeeze(1)


def fill(n, lengths, longest, low, high):
    words = torch.randint(low, high, (n, longest))
    return words * (torch.arange(longest) < lengths.unsqueeze(1))


def batch(n=40):
    src_len, mt_len = torch.randint(2, 9, (n,)), torch.randint(2, 9, (n,))
    src, mt = fill(n, src_len, 8, 1, VOCAB), fill(n, mt_len, 8, 1, VOCAB)
    quality = ((src == 3) | (src == 5)).sum(1) - 0.7 * ((mt == 2) | (mt == 7)).sum(1)
    return src, src_len, mt, mt_len, quality.float()


model = Grader()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(500):
    *inputs, quality = batch()
    loss = nn.functional.mse_loss(model(*inputs), quality)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"{step + 1:4d} loss {loss.item():.4f}")
