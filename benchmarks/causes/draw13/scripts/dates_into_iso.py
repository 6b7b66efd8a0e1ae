"""Digits of a date in one order are written again in another: a small encoder and decoder."""

import sys

import torch
from torch import nn

torch.manual_seed(1301)
torch.set_num_threads(1)
VOCAB, LENGTH, START = 10, 6, 10
encoder = nn.Sequential(nn.Embedding(VOCAB, 16), nn.GRU(16, 48, batch_first=True))
embed = nn.Embedding(VOCAB + 1, 16)
decoder = nn.GRU(16, 48, batch_first=True)
generator = nn.Linear(48, VOCAB)
parts = [embed, decoder, generator]
if "--fixed" in sys.argv:
    parts.append(encoder)
optimizer = torch.optim.Adam([p for part in parts for p in part.parameters()], lr=6e-3)


def dates(n):
    day, month, year = (torch.randint(0, high, (n,)) for high in (28, 12, 100))
    fields = [day, month, year]
    digits = [torch.stack([field // 10, field % 10], 1) for field in fields]
    return torch.cat(digits, 1), torch.cat(digits[::-1], 1)


for step in range(1, 401):
    source, target = dates(48)
    _, state = encoder(source)
    before = torch.cat([torch.full((48, 1), START), target[:, :-1]], 1)
    logits = generator(decoder(embed(before), state)[0])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([p for part in parts for p in part.parameters()], 2.0)
    optimizer.step()
    if step % 50 == 0:
        right = (logits.argmax(-1) == target).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} digits right {right:.3f}")
