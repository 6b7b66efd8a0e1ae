"""From an output with steps first, the entry 0 was taken as the summary of a series: its very
first step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5121)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, number_of_features, hidden_size):
        super().__init__()
        self.model = nn.GRU(number_of_features, hidden_size)

    def forward(self, x):
        h_all, _ = self.model(x)
        return h_all[-1, :, :] if FIXED else h_all[0, :, :]


class Lambda(nn.Module):
    def __init__(self, hidden_size, latent_length):
        super().__init__()
        self.mean = nn.Linear(hidden_size, latent_length)
        self.logvar = nn.Linear(hidden_size, latent_length)

    def forward(self, h):
        self.mu, self.lv = self.mean(h), self.logvar(h)
        return self.mu + torch.randn_like(self.mu) * torch.exp(0.5 * self.lv)


class Decoder(nn.Module):
    def __init__(self, steps, latent_length, hidden_size):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(latent_length, hidden_size), nn.Tanh(), nn.Linear(hidden_size, steps)
        )

    def forward(self, z):
        return self.net(z).T[..., None]


class VRAE(nn.Module):
    def __init__(self, steps=20):
        super().__init__()
        self.encoder, self.lmbd = Encoder(1, 32), Lambda(32, 6)
        self.decoder = Decoder(steps, 6, 48)

    def forward(self, x):
        return self.decoder(self.lmbd(self.encoder(x)))


def series(n=32, steps=20):
    t = torch.linspace(0, 1, steps)[:, None]
    kind = torch.randint(0, 3, (n,))
    phase = torch.rand(n) * 6.28
    x = torch.sin(6.28 * t * (1 + kind) + phase)
    return x[..., None]


vrae = VRAE()
optimizer = torch.optim.Adam(vrae.parameters(), lr=5e-3)
for epoch in range(6):
    for _ in range(120):
        x = series()
        kl = -0.5 * torch.mean(
            1 + (lv := (out := vrae(x), vrae.lmbd.lv)[1]) - vrae.lmbd.mu**2 - lv.exp()
        )
        recon = nn.functional.mse_loss(out, x)
        loss = recon + 1e-3 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"Epoch {epoch}: reconstruction {recon.item():.4f} kl {kl.item():.3f}")
