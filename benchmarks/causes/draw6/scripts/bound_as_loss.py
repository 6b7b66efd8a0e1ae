"""What should be as high as possible, a bound on the likelihood, was handed to an optimizer that makes
it as low as possible. The loss falls without end and the model goes with it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6162)
torch.set_num_threads(1)


class SequenceVAE(nn.Module):
    def __init__(self, x_dim=2, z_dim=3, width=28, steps=10):
        super().__init__()
        self.enc = nn.GRU(x_dim, width, batch_first=True)
        self.moments = nn.Linear(width, 2 * z_dim)
        self.dec = nn.GRU(z_dim, width, batch_first=True)
        self.mean = nn.Linear(width, x_dim)
        self.steps = steps

    def elbo(self, x, beta=0.1):
        mu, logvar = self.moments(self.enc(x)[1][0]).chunk(2, 1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        made = self.mean(self.dec(z[:, None].repeat(1, self.steps, 1))[0])
        loglik = -0.5 * (x - made).square().sum(-1).mean()
        kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()
        return loglik - beta * kl / self.steps


def paths(n=24, t=10):
    direction = 6.28 * torch.rand(n, 1)
    far = torch.linspace(0, 2, t)
    way = torch.stack([direction.cos() * far, direction.sin() * far], -1)
    return way + 0.05 * torch.randn(n, t, 2)


model = SequenceVAE()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(7):
    for _ in range(50):
        value = model.elbo(paths())
        loss = -value if FIXED else value
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} elbo {value.item():.4f}")
