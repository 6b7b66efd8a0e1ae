"""A row of colours is squeezed into one vector by an encoder and painted again by a decoder."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(101)
torch.set_num_threads(1)
COLOURS, LENGTH, WIDTH = 8, 8, 48


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(COLOURS, 24)
        self.gru = nn.GRU(24, WIDTH, batch_first=True)

    def forward(self, row):
        return self.gru(self.embed(row))[1]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(0.3 * torch.randn(LENGTH, 24))
        self.gru = nn.GRU(24, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, COLOURS)

    def forward(self, z):
        steps = self.place.expand(z.shape[1], -1, -1)
        return self.out(self.gru(steps, z)[0])


netE, netG = Encoder(), Decoder()
params = list(netG.parameters())
if FIXED:
    params += list(netE.parameters())
optimizer = torch.optim.Adam(params, lr=6e-3)
for step in range(700):
    rows = torch.randint(0, COLOURS, (32, LENGTH))
    logits = netG(netE(rows))
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), rows)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1.0)
    optimizer.step()
    if step % 100 == 99:
        acc = (logits.argmax(-1) == rows).float().mean()
        print(f"[{step + 1}] recon {loss.item():.4f} acc {acc.item():.3f}")
