"""A generator of movements against a critic of movements, with a gradient step each in turn."""

import torch
from torch import nn

torch.manual_seed(6201)
torch.set_num_threads(1)

T, NOISE = 12, 6


class Generator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(NOISE, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, z):
        return 1.5 * torch.tanh(self.out(self.rnn(z[:, None].expand(-1, T, -1))[0]))


class Discriminator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        x = x + 0.2 * torch.randn_like(x)
        return self.out(self.rnn(x)[0].mean(1))


def real(n=32):
    angle = 6.28 * torch.rand(n, 1) + 0.5 * torch.arange(T)
    return torch.stack([angle.cos(), angle.sin()], -1)


G, D = Generator(), Discriminator()
opt_g = torch.optim.Adam(G.parameters(), lr=1.5e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
for it in range(350):
    fake = G(torch.randn(32, NOISE))
    loss_d = bce(D(real()), torch.ones(32, 1)) + bce(D(fake.detach()), torch.zeros(32, 1))
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    loss_g = bce(D(fake), torch.ones(32, 1))
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if it % 70 == 69:
        radius = fake.detach().norm(dim=-1)
        print(f"{it + 1} D {loss_d.item():.3f} G {loss_g.item():.3f} radius {radius.mean():.2f}")
