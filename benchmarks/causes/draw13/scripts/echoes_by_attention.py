"""Numbers are spelt backwards by an attentive decoder that is then left to write alone."""

import sys

import torch
from torch import nn

torch.manual_seed(1310)
torch.set_num_threads(1)
DIGITS, START, LENGTH = 8, 8, 5


class Spell(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(DIGITS + 1, size)
        self.encoder = nn.GRU(size, size, batch_first=True)
        self.decoder = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(2 * size, DIGITS)

    def encode(self, source):
        return self.encoder(self.embed(source))

    def decode(self, tokens, memory, state):
        query, state = self.decoder(self.embed(tokens), state)
        weights = (query @ memory.transpose(1, 2) / memory.shape[-1] ** 0.5).softmax(-1)
        return self.out(torch.cat([query, weights @ memory], -1)), state


def sums(n):
    source = torch.randint(0, DIGITS, (n, LENGTH))
    return source, source.flip(1)


@torch.no_grad()
def write(model, source):
    memory, state = model.encode(source)
    token, words = torch.full((len(source), 1), START), []
    for _ in range(LENGTH):
        logits, state = model.decode(token, memory, state)
        token = logits.argmax(-1)
        words.append(token)
    return torch.cat(words, 1)


model = Spell()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    source, target = sums(48)
    decoder_input = target
    if "--fixed" in sys.argv:
        decoder_input = torch.cat([torch.full((48, 1), START), target[:, :-1]], 1)
    logits, _ = model.decode(decoder_input, *model.encode(source))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        source, target = sums(300)
        right = (write(model, source) == target).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} written right {right:.3f}")
