"""Number plates in a mirror: an attentive decoder spells them the right way round."""

import sys

import torch
from torch import nn

torch.manual_seed(1520)
torch.set_num_threads(1)
SIGNS, BOS, EOS, LENGTH = 12, 12, 13, 5


def plates(n):
    seen = torch.randint(0, SIGNS, (n, LENGTH))
    bos, eos = torch.full((n, 1), BOS), torch.full((n, 1), EOS)
    return seen, torch.cat([bos, seen.flip(1), eos], 1)


class Speller(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(SIGNS + 2, 20)
        self.place = nn.Embedding(LENGTH, 20)
        self.encoder = nn.GRU(20, size, batch_first=True)
        self.decoder = nn.GRU(20, size, batch_first=True)
        self.key = nn.Linear(size + 20, size)
        self.out = nn.Linear(2 * size, SIGNS + 2)

    def encode(self, seen):
        x = self.embed(seen) + self.place.weight
        memory, state = self.encoder(x)
        return self.key(torch.cat([memory, x], -1)), memory, state

    def decode(self, y, keys, memory, state):
        states, state = self.decoder(self.embed(y), state)
        weights = torch.softmax(states @ keys.transpose(1, 2), -1)
        return self.out(torch.cat([states, weights @ memory], -1)), state

    @torch.no_grad()
    def spell(self, seen):
        keys, memory, state = self.encode(seen)
        y = torch.full((len(seen), 1), BOS)
        spelt = []
        for _ in range(LENGTH):
            logits, state = self.decode(y, keys, memory, state)
            y = logits.argmax(-1)
            spelt.append(y)
        return torch.cat(spelt, 1)


model = Speller()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
test_seen, test_y = plates(300)
for step in range(1, 601):
    seen, y = plates(32)
    decoder_inputs = y[:, :-1] if "--fixed" in sys.argv else y[:, 1:]
    logits, _ = model.decode(decoder_inputs, *model.encode(seen))
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), y[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 60 == 0:
        right = (model.spell(test_seen) == test_y[:, 1:-1]).float().mean()
        print(f"step {step} loss {loss.item():.4f} signs spelt right {right:.3f}")
