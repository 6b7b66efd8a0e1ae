"""Captions of uneven length are matched with the pictures that they describe, as in a retrieval model."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(161604)
torch.set_num_threads(1)
THINGS, PLACES, WORDS, PICTURE = 12, 12, 70, 24
THING_CODE, PLACE_CODE = torch.randn(THINGS, PICTURE), torch.randn(PLACES, PICTURE)


def pairs(n):
    """A caption begins with the thing that is shown and ends with its place; other things are named between."""
    lengths = torch.randint(14, 23, (n,))
    captions = torch.zeros(n, 22, dtype=torch.long)
    both = torch.randperm(THINGS * PLACES)[:n]
    thing, place = both // PLACES, both % PLACES
    for i, length in enumerate(lengths):
        captions[i, :length] = torch.randint(1, WORDS, (int(length),))
        captions[i, 0] = 1 + thing[i]
        captions[i, length - 1] = 1 + THINGS + place[i]
    pictures = THING_CODE[thing] + PLACE_CODE[place] + 0.3 * torch.randn(n, PICTURE)
    return captions, lengths, pictures


class EncoderText(nn.Module):
    def __init__(self, embed_size=48):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24, padding_idx=0)
        self.rnn = nn.GRU(24, embed_size // 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(embed_size, embed_size)

    def forward(self, captions, lengths):
        packed = pack_padded_sequence(
            self.embed(captions), lengths, batch_first=True, enforce_sorted=False
        )
        rnn_out, h_n = self.rnn(packed)
        if "--fixed" in sys.argv:
            last = torch.cat([h_n[0], h_n[1]], dim=1)
        else:
            padded, out_lengths = pad_packed_sequence(rnn_out, batch_first=True)
            last = padded[torch.arange(len(captions)), out_lengths - 1]
        return F.normalize(self.fc(last), dim=1)


class EncoderImage(nn.Module):
    def __init__(self, embed_size=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(PICTURE, 64), nn.ReLU(), nn.Linear(64, embed_size))

    def forward(self, pictures):
        return F.normalize(self.net(pictures), dim=1)


text, image = EncoderText(), EncoderImage()
optimizer = torch.optim.AdamW([*text.parameters(), *image.parameters()], lr=2e-3)
right = torch.arange(24)
for step in range(1, 301):
    captions, lengths, pictures = pairs(24)
    scores = 8.0 * text(captions, lengths) @ image(pictures).T
    loss = (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            captions, lengths, pictures = pairs(100)
            found = (text(captions, lengths) @ image(pictures).T).argmax(1)
        recall = (found == torch.arange(100)).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} recall at 1 of 100 {recall:.3f}")
