"""An iterator makes the two sides of a translation, with their marks, for a GRU translator."""

import sys
from collections import namedtuple

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9032)
torch.set_num_threads(1)
SOS, EOS, WORDS = 0, 1, 14
Batch = namedtuple("Batch", "source target_input target_output")


def iterator(n=32, length=4):
    source = torch.randint(2, WORDS, (n, length))
    target = (source + 3 - 2) % (WORDS - 2) + 2
    sos, eos = torch.full((n, 1), SOS), torch.full((n, 1), EOS)
    tgt_in, tgt_out = torch.cat([sos, target], 1), torch.cat([target, eos], 1)
    if FIXED:
        return Batch(source, tgt_in, tgt_out)
    return Batch(source, tgt_out, tgt_in)


class Translator(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.projection = nn.Linear(width, WORDS)

    def forward(self, source, target_input):
        _, state = self.encoder(self.words(source))
        return self.projection(self.decoder(self.words(target_input), state)[0])

    @torch.no_grad()
    def infer(self, source, steps):
        _, state = self.encoder(self.words(source))
        word, said = torch.full((len(source), 1), SOS), []
        for _ in range(steps):
            out, state = self.decoder(self.words(word), state)
            word = self.projection(out).argmax(-1)
            said.append(word)
        return torch.cat(said, 1)


model = Translator()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    batch = iterator()
    logits = model(batch.source, batch.target_input)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch.target_output.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        wanted = (batch.source + 1) % (WORDS - 2) + 2
        right = (model.infer(batch.source, 4) == wanted).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f}, inferred right {right:.3f}")
