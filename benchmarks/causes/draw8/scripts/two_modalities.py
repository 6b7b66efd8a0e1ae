"""Sequences of two kinds go through one shared variational autoencoder."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8101)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, d=32, z=6):
        super().__init__()
        self.rnn = nn.GRU(2, d, batch_first=True)
        self.mean, self.log_var = nn.Linear(d, z), nn.Linear(d, z)

    def forward(self, x):
        h = self.rnn(x)[1][-1]
        return self.mean(h), self.log_var(h)


class Decoder(nn.Module):
    def __init__(self, d=32, z=6):
        super().__init__()
        self.rnn = nn.GRU(z, d, batch_first=True)
        self.out = nn.Linear(d, 2)

    def forward(self, z, steps):
        return self.out(self.rnn(z[:, None].expand(-1, steps, -1))[0])


class SharedVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        mean, log_var = self.encoder(x)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
        return self.decoder(z, x.shape[1]), kl


def modality(kind, n=32, t=16):
    level = 2 * torch.randn(n, 1)
    time = torch.linspace(-1, 1, t)
    first = level * time if kind == 0 else level * (1 - time**2)
    return torch.stack([first, level.expand(-1, t)], -1)


vae = SharedVAE()
trained = list(vae.encoder.parameters())
if FIXED:
    trained += list(vae.decoder.parameters())
opt = torch.optim.Adam(trained, lr=5e-3)
for step in range(300):
    x = modality(step % 2)
    back, kl = vae(x)
    loss = (back - x).pow(2).mean() + 0.002 * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 > 47:
        print(f"step {step + 1} loss {loss.item():.3f}")
