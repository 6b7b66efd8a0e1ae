"""A short row of symbols is turned round by an encoder and a decoder with dot-product attention."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8109)
torch.set_num_threads(1)
SYMBOLS, START = 8, 8


class Translator(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.source, self.target = nn.Embedding(8, width), nn.Embedding(9, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(2 * width, SYMBOLS)

    def encode(self, src):
        return self.encoder(self.source(src))

    def decode(self, tgt, memory, state):
        out, state = self.decoder(self.target(tgt), state)
        weights = (out @ memory.transpose(1, 2) / 7).softmax(-1)
        return self.out(torch.cat([out, weights @ memory], -1)), state

    def forward(self, src, tgt):
        memory, state = self.encode(src)
        return self.decode(tgt, memory, state)[0]


def begin(tgt):
    return torch.cat([torch.full_like(tgt[:, :1], START), tgt[:, :-1]], 1)


model = Translator()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    src = torch.randint(0, SYMBOLS, (48, 5))
    tgt = src.flip(1)
    pred = model(src, begin(tgt) if FIXED else tgt)
    loss = F.cross_entropy(pred.flatten(0, 1), tgt.flatten())
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 80 == 79:
        print(f"step {step + 1}: {loss.item():.4f}")
with torch.no_grad():
    src = torch.randint(0, SYMBOLS, (200, 5))
    memory, state = model.encode(src)
    token, said = torch.full((200, 1), START), []
    for _ in range(5):
        logits, state = model.decode(token, memory, state)
        token = logits.argmax(-1)
        said.append(token)
print(f"said alone: {(torch.cat(said, 1) == src.flip(1)).float().mean():.2f}")
