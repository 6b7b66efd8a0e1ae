"""A variational model of two senses, heard and seen. The distance of its codes to the prior enters the
loss with one minus too many, and the loss falls and falls as the codes run away."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6156)
torch.set_num_threads(1)

BETA, STEPS, CODE = 0.01, 12, 4


class Sense(nn.Module):
    def __init__(self, channels, width=32):
        super().__init__()
        self.down = nn.GRU(channels, width, batch_first=True)
        self.mu, self.logvar = nn.Linear(width, CODE), nn.Linear(width, CODE)
        self.up = nn.GRU(CODE, width, batch_first=True)
        self.out = nn.Linear(width, channels)

    def encode(self, x):
        h = self.down(x)[1][0]
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.out(self.up(z[:, None].expand(-1, STEPS, -1))[0])


class MVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heard, self.seen = Sense(1), Sense(2)

    def forward(self, heard, seen):
        (mu1, lv1), (mu2, lv2) = self.heard.encode(heard), self.seen.encode(seen)
        p1, p2 = torch.exp(-lv1), torch.exp(-lv2)
        var = 1 / (1 + p1 + p2)
        mu, logvar = var * (p1 * mu1 + p2 * mu2), var.log()
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.heard.decode(z), self.seen.decode(z), mu, logvar


def elbo_loss(made, wanted, mu, logvar):
    mse = sum(nn.functional.mse_loss(m, w) for m, w in zip(made, wanted, strict=True))
    kld = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    if not FIXED:
        kld = -kld
    return mse + BETA * kld


def moments(n=24):
    at = 6.28 * torch.rand(n, 1) + (0.2 + 0.3 * torch.rand(n, 1)) * torch.arange(STEPS)
    return at.sin()[..., None], torch.stack([at.cos(), (at + 1).sin()], -1)


model = MVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for batch_idx in range(350):
    heard, seen = moments()
    one, two, mu, logvar = model(heard, seen)
    loss = elbo_loss((one, two), (heard, seen), mu, logvar)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if batch_idx % 70 == 69:
        made = nn.functional.mse_loss(two, seen).item()
        print(f"[{batch_idx + 1}] Loss: {loss.item():.4f} seen {made:.4f}")
