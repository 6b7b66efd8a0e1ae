"""Sequences through a latent code. The distance to the prior was subtracted from the loss, so
that making it larger paid without end."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(421)
torch.set_num_threads(1)
LENGTH = 10


class SequenceVAE(nn.Module):
    def __init__(self, hidden=40, latent=4):
        super().__init__()
        self.encoder = nn.GRU(1, hidden, batch_first=True)
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.start = nn.Linear(latent, hidden)
        self.decoder = nn.GRU(latent, hidden, batch_first=True)
        self.pixel = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.encoder(x)[1][0]
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        h0 = torch.tanh(self.start(z)).unsqueeze(0)
        out, _ = self.decoder(z.unsqueeze(1).expand(-1, LENGTH, -1), h0)
        return self.pixel(out), mu, logvar


def bars(n=32):
    first = torch.randint(0, 7, (n, 1))
    width = torch.randint(2, 4, (n, 1))
    place = torch.arange(LENGTH)[None]
    return ((place >= first) & (place < first + width)).float().unsqueeze(-1)


model = SequenceVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(450):
    x = bars()
    x_hat, mu, logvar = model(x)
    bce = F.binary_cross_entropy_with_logits(x_hat, x, reduction="sum") / len(x)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum() / len(x)
    weight = 0.3 * min(1.0, step / 150)
    loss = bce + weight * kl if FIXED else bce - weight * kl
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 75 == 74:
        print(f"{step + 1} loss {loss.item():.3f} bce {bce.item():.3f} kl {kl.item():.3f}")
