"""Strings of molecules go through a stacked encoder of two directions and a latent vector."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9019)
torch.set_num_threads(1)
ATOMS, LENGTH = 8, 5


class StackGRUEncoder(nn.Module):
    def __init__(self, cell=24, layers=2, latent=16):
        super().__init__()
        self.layers, self.cell = layers, cell
        self.embed = nn.Embedding(ATOMS, 16)
        self.gru = nn.GRU(16, cell, layers, bidirectional=True)
        self.mu, self.logvar = nn.Linear(2 * cell, latent), nn.Linear(2 * cell, latent)

    def forward(self, seq):
        _, hidden = self.gru(self.embed(seq))
        batch = seq.shape[1]
        hidden = hidden.view(self.layers, 2, batch, self.cell)[-1]
        if FIXED:
            hidden = hidden.permute(1, 0, 2)
        hidden = hidden.reshape(batch, 2 * self.cell)
        return self.mu(hidden), self.logvar(hidden)


class Decoder(nn.Module):
    def __init__(self, latent=16, cell=48):
        super().__init__()
        self.start = nn.Linear(latent, cell)
        self.steps = nn.Parameter(0.1 * torch.randn(LENGTH, 1, 8))
        self.gru, self.out = nn.GRU(8, cell), nn.Linear(cell, ATOMS)

    def forward(self, z):
        x = self.steps.expand(-1, len(z), -1)
        return self.out(self.gru(x, self.start(z).tanh()[None])[0])


encoder, decoder = StackGRUEncoder(), Decoder()
params = [*encoder.parameters(), *decoder.parameters()]
optimizer = torch.optim.Adam(params, lr=4e-3)
for step in range(500):
    seq = torch.randint(0, ATOMS, (LENGTH, 32))
    mu, logvar = encoder(seq)
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    recon = nn.functional.cross_entropy(decoder(z).flatten(0, 1), seq.flatten())
    kld = -0.5 * (1 + logvar - mu**2 - logvar.exp()).mean()
    loss = recon + 0.002 * kld
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1}, recon {recon.item():.3f}, kl {kld.item():.3f}")
