"""A decoder that describes code is given each word at the very step at which it has to say it. On
paper nearly all words are right; left to itself it says nothing of use."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6122)
torch.set_num_threads(1)

WORDS, SOS = 16, 0


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.rnn = nn.GRU(24, 48, batch_first=True)

    def forward(self, code):
        return self.rnn(self.embed(code))[1]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.cell = nn.GRUCell(24, 48)
        self.fc = nn.Linear(48, WORDS)

    def forward(self, word, h):
        h = self.cell(self.embed(word), h)
        return self.fc(h), h


renamed = torch.randperm(WORDS - 1) + 1


def functions(n=32, t=4):
    code = torch.randint(1, WORDS, (n, t))
    return code, renamed[code - 1].flip(1)


encoder, decoder = Encoder(), Decoder()
opt = torch.optim.Adam(list(encoder.parameters()) + list(decoder.parameters()), lr=6e-3)


def run(code, summary, forced):
    h = encoder(code)[0]
    word = torch.full((len(code),), SOS)
    logits = []
    for t in range(summary.shape[1]):
        if forced and not FIXED:
            word = summary[:, t]
        out, h = decoder(word, h)
        logits.append(out)
        word = summary[:, t] if forced else out.argmax(1)
    return torch.stack(logits, 1)


for it in range(1, 451):
    code, summary = functions()
    loss = nn.functional.cross_entropy(run(code, summary, True).flatten(0, 1), summary.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 90 == 0:
        with torch.no_grad():
            code, summary = functions(128)
            alone = (run(code, summary, False).argmax(-1) == summary).float().mean().item()
        print(f"{it} loss {loss.item():.4f} by itself {alone:.3f}")
