"""A forger makes short waves out of noise, and an expert tells them from the real ones."""

import torch
from torch import nn

torch.manual_seed(203)
torch.set_num_threads(1)
T, NOISE = 10, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Linear(NOISE, 32)
        self.rnn = nn.GRU(NOISE, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, z):
        h0 = torch.tanh(self.start(z))[None]
        return self.out(self.rnn(z[:, None].expand(-1, T, -1), h0)[0])


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))[:, 0]


def real(n=32):
    phase = 0.5 * torch.arange(T) + 6.28 * torch.rand(n, 1)
    return phase.sin()[..., None] + 0.05 * torch.randn(n, T, 1)


G, D = Generator(), Discriminator()
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(32), torch.zeros(32)
for step in range(280):
    fake = G(torch.randn(32, NOISE))
    loss_d = bce(D(real()), 0.9 * ones) + bce(D(fake.detach()), zeros)
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    loss_g = bce(D(fake), ones)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 70 == 69:
        size = fake.pow(2).mean().item()
        print(f"{step + 1}: D {loss_d.item():.3f} G {loss_g.item():.3f} power {size:.3f}")
