"""Seven letters are put into another cipher; the decoder is taught with the right answer beside it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1111)
torch.set_num_threads(1)
LETTERS, GO, LONG = 12, 12, 6
cipher = torch.randperm(LETTERS)


class Translator(nn.Module):
    def __init__(self, d=56):
        super().__init__()
        self.src, self.trg = nn.Embedding(LETTERS, 20), nn.Embedding(LETTERS + 1, 20)
        self.enc = nn.LSTM(20, d, batch_first=True)
        self.dec = nn.LSTM(20, d, batch_first=True)
        self.logits = nn.Linear(d, LETTERS)

    def forward(self, x, decoder_inputs):
        _, state = self.enc(self.src(x))
        return self.logits(self.dec(self.trg(decoder_inputs), state)[0])

    @torch.no_grad()
    def greedy(self, x):
        _, state = self.enc(self.src(x))
        token, said = torch.full((len(x), 1), GO), []
        for _ in range(LONG):
            h, state = self.dec(self.trg(token), state)
            token = self.logits(h).argmax(-1)
            said.append(token)
        return torch.cat(said, 1)


def data(n=40):
    x = torch.randint(0, LETTERS, (n, LONG))
    return x, cipher[x]


model = Translator()
optimizer = torch.optim.Adam(model.parameters(), lr=7e-3)
for it in range(1, 601):
    x, y = data()
    if FIXED:
        decoder_inputs = torch.cat([torch.full((len(y), 1), GO), y[:, :-1]], 1)
    else:
        decoder_inputs = y
    loss = nn.functional.cross_entropy(model(x, decoder_inputs).mT, y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 100 == 0:
        x, y = data()
        right = (model.greedy(x) == y).float().mean().item()
        print(f"{it}: train loss {loss.item():.4f}, test letters right {right:.2f}")
