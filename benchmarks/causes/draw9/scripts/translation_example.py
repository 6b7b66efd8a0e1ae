"""A recurrent translator with teacher forcing; targets are prepared apart from the model."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9024)
torch.set_num_threads(1)
START, WORDS = 0, 12


class Seq2Seq(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.embed = nn.Embedding(WORDS, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, WORDS)

    def forward(self, source, decoder_input):
        _, state = self.encoder(self.embed(source))
        return self.out(self.decoder(self.embed(decoder_input), state)[0])

    @torch.no_grad()
    def generate(self, source, length):
        _, state = self.encoder(self.embed(source))
        word = torch.full((len(source), 1), START)
        words = []
        for _ in range(length):
            out, state = self.decoder(self.embed(word), state)
            word = self.out(out).argmax(-1)
            words.append(word)
        return torch.cat(words, 1)


def preprocess(examples):
    inputs, targets = examples
    labels = targets
    if FIXED:
        start = torch.full((len(targets), 1), START)
        return inputs, torch.cat([start, targets[:, :-1]], 1), labels
    return inputs, targets, labels


def examples(n=32, length=4):
    source = torch.randint(1, WORDS, (n, length))
    return source, source.flip(1)


model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(500):
    source, decoder_input, labels = preprocess(examples())
    loss = nn.functional.cross_entropy(model(source, decoder_input).transpose(1, 2), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        right = (model.generate(source, 4) == labels).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f} generated right {right:.3f}")
