"""Place names from an old spelling to a new one: an encoder and decoder over letters."""

import sys

import torch
from torch import nn

torch.manual_seed(1436)
torch.set_num_threads(1)
PAD, SOS, EOS, FIRST, LETTERS, MAX_LEN = 0, 1, 2, 3, 12, 40
VOCAB = FIRST + LETTERS


def names(n):
    """Most names are short, but every row is filled up to the same length."""
    length = torch.randint(2, 6, (n,))
    letters = torch.randint(FIRST, VOCAB, (n, MAX_LEN))
    place = torch.arange(MAX_LEN)
    inside = place < length.unsqueeze(1)
    source = torch.where(inside, letters, PAD)
    swapped = FIRST + (letters - FIRST + 4) % LETTERS
    mirrored = (length.unsqueeze(1) - 1 - place).clamp(min=0)
    spelt = torch.where(inside, swapped.gather(1, mirrored), PAD)
    target = torch.cat([spelt, torch.full((n, 1), PAD)], dim=1)
    target[torch.arange(n), length] = EOS
    return source, length, target


class Speller(nn.Module):
    def __init__(self, emb=24, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.encoder = nn.GRU(emb, hidden, batch_first=True)
        self.decoder = nn.GRU(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, VOCAB)

    def encode(self, source, length):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed(source), length, batch_first=True, enforce_sorted=False
        )
        return self.encoder(packed)[1]

    def forward(self, source, length, target):
        start = torch.full((len(source), 1), SOS)
        given = self.embed(torch.cat([start, target[:, :-1]], dim=1))
        out, _ = self.decoder(given, self.encode(source, length))
        return self.out(out)

    @torch.no_grad()
    def spell(self, source, length, steps=7):
        h, token, spelt = self.encode(source, length), torch.full((len(source), 1), SOS), []
        for _ in range(steps):
            out, h = self.decoder(self.embed(token), h)
            token = self.out(out).argmax(-1)
            spelt.append(token)
        return torch.cat(spelt, dim=1)


model = Speller()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
criterion = (
    nn.CrossEntropyLoss(ignore_index=PAD) if "--fixed" in sys.argv else nn.CrossEntropyLoss()
)
test = names(200)
wanted, inside = test[2][:, :7], test[2][:, :7] != PAD
for step in range(401):
    source, length, target = names(24)
    logits = model(source, length, target)
    loss = criterion(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 0:
        right = (model.spell(test[0], test[1]) == wanted)[inside].float().mean().item()
        print(f"step {step} loss {loss.item():.3f} letters right {right:.3f}")
