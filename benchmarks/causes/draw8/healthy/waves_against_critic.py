"""A generator of waves against a critic of waves, each with its own optimizer."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(8203)
torch.set_num_threads(1)


class Generator(nn.Module):
    def __init__(self, noise=4, width=24):
        super().__init__()
        self.rnn = nn.GRU(noise, width, batch_first=True)
        self.wave = nn.Linear(width, 1)

    def forward(self, z, t=12):
        return self.wave(self.rnn(z[:, None].expand(-1, t, -1))[0])[..., 0]


class Critic(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.rnn = nn.GRU(1, width, batch_first=True, bidirectional=True)
        self.real = nn.Linear(2 * width, 1)

    def forward(self, x):
        return self.real(self.rnn(x[..., None])[0].mean(1))[:, 0]


def waves(n=48, t=12):
    return torch.sin(6.28 * torch.rand(n, 1) + 0.5 * torch.arange(t))


g, c = Generator(), Critic()
opt_g = torch.optim.Adam(g.parameters(), lr=2e-3, betas=(0.5, 0.9))
opt_c = torch.optim.Adam(c.parameters(), lr=2e-3, betas=(0.5, 0.9))
for step in range(220):
    real, fake = waves(), g(torch.randn(48, 4))
    loss_c = F.softplus(-c(real)).mean() + F.softplus(c(fake.detach())).mean()
    opt_c.zero_grad()
    loss_c.backward()
    opt_c.step()
    loss_g = F.softplus(-c(g(torch.randn(48, 4)))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 55 == 54:
        rough = (fake[:, 1:] - fake[:, :-1]).abs().mean().item()
        print(f"{step + 1} critic {loss_c.item():.3f} generator {loss_g.item():.3f} {rough:.3f}")
