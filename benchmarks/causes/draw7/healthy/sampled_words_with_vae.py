"""A variational reader of short paths with a weight on the divergence that grows for a hundred steps."""

import torch
from torch import nn

torch.manual_seed(7743)
torch.set_num_threads(1)


class VAE(nn.Module):
    def __init__(self, d=32, z=3, t=12):
        super().__init__()
        self.t = t
        self.enc = nn.GRU(2, d, batch_first=True)
        self.mu, self.logvar = nn.Linear(d, z), nn.Linear(d, z)
        self.dec = nn.GRU(z, d, batch_first=True)
        self.out = nn.Linear(d, 2)

    def forward(self, x):
        h = self.enc(x)[1][0]
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.out(self.dec(z[:, None].repeat(1, self.t, 1))[0]), mu, logvar


def paths(n=32, t=12):
    way = 6.28 * torch.rand(n, 1)
    bend = way + (torch.rand(n, 1) - 0.5) * 0.3 * torch.arange(t)
    return torch.stack([bend.cos(), bend.sin()], -1).cumsum(1) / 6


model = VAE()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(350):
    x = paths()
    y, mu, logvar = model(x)
    recon = (y - x).square().sum((1, 2)).mean()
    kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()
    loss = recon + 0.05 * min(1.0, step / 100) * kl
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"{step + 1} recon {recon.item():.3f} kl {kl.item():.2f}")
