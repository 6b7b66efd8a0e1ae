"""Both states with which a sentence begins are drawn at random, large, anew for each batch. The first
steps' meaning drowns in them, and the same sentence is read in another way each time."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7315)
torch.set_num_threads(1)


class SentenceReader(nn.Module):
    def __init__(self, vocab=12, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.emb = nn.Embedding(vocab, 16)
        self.lstm = nn.LSTM(16, hidden)
        self.out = nn.Linear(hidden, 3)

    def init_hidden(self, batch):
        shape = (1, batch, self.hidden)
        if FIXED:
            return torch.zeros(shape), torch.zeros(shape)
        return 4 * torch.randn(shape), 4 * torch.randn(shape)

    def forward(self, words):
        state = self.init_hidden(words.size(1))
        out, _ = self.lstm(self.emb(words), state)
        return self.out(out[-1])


def sentences(n=24, t=6):
    words = torch.randint(0, 12, (t, n))
    return words, words[0] % 3


model = SentenceReader()
opt = torch.optim.Adam(model.parameters(), lr=6e-3)
total = 0.0
for step in range(400):
    words, kind = sentences()
    loss = nn.functional.cross_entropy(model(words), kind)
    opt.zero_grad()
    loss.backward()
    opt.step()
    total += loss.item()
    if step % 100 == 99:
        print(f"step {step + 1} loss {total / 100:.3f}")
        total = 0.0
