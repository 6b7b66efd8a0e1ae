"""Whistles of a shepherd put into words, whistle by whistle: LSTM encoder and decoder with a start mark."""

import random
import sys

import torch
from torch import nn

torch.manual_seed(1710)
random.seed(1710)
torch.set_num_threads(1)
WHISTLES, LENGTH, START = 8, 4, 8
WORD_OF = torch.tensor(random.sample(range(WHISTLES), WHISTLES))


class Encoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(WHISTLES, 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)

    def forward(self, src):
        return self.lstm(self.embed(src))[1]


class Decoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(WHISTLES + 1, 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)
        self.out = nn.Linear(size, WHISTLES)

    def forward(self, words, state):
        h, state = self.lstm(self.embed(words), state)
        return self.out(h), state


def pairs(n):
    src = torch.randint(0, WHISTLES, (n, LENGTH))
    trg = torch.cat([torch.full((n, 1), START), WORD_OF[src]], dim=1)
    return src, trg


@torch.no_grad()
def translate(src):
    state = encoder(src)
    word = torch.full((len(src), 1), START)
    words = []
    for _ in range(LENGTH):
        logits, state = decoder(word, state)
        word = logits.argmax(-1)
        words.append(word)
    return torch.cat(words, dim=1)


encoder, decoder = Encoder(80), Decoder(80)
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.Adam(params, lr=4e-3)
criterion = nn.CrossEntropyLoss()
test_src, test_trg = pairs(300)
for step in range(1, 321):
    src, trg = pairs(48)
    dec_in = trg[:, :-1] if "--fixed" in sys.argv else trg[:, 1:]
    logits, _ = decoder(dec_in, encoder(src))
    loss = criterion(logits.reshape(-1, WHISTLES), trg[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 5.0)
    optimizer.step()
    if step % 40 == 0:
        right = (translate(test_src) == test_trg[:, 1:]).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} words right {right:.3f}")
