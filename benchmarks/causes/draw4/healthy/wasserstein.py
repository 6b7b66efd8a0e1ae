"""A generator of walks against a critic whose slope is held near one; four steps of the critic
for each of the generator."""

import torch
import torch.nn as nn

torch.manual_seed(3)
torch.set_num_threads(1)
T, NOISE = 12, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(NOISE, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, z):
        return self.out(self.rnn(z)[0])


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 24, 5, padding=2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(24 * T, 1)
        )

    def forward(self, x):
        return self.net(x.transpose(1, 2))


def real(n):
    return (torch.rand(n, 1, 1) * 6.28 + torch.arange(T)[None, :, None] * 0.8).sin()


def slope_penalty(critic, a, b):
    mix = torch.rand(len(a), 1, 1)
    x = (mix * a + (1 - mix) * b).requires_grad_(True)
    (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (g.flatten(1).norm(dim=1) - 1).pow(2).mean()


G, C = Generator(), Critic()
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(C.parameters(), lr=1e-3, betas=(0.0, 0.9))
for it in range(240):
    for _ in range(4):
        x, fake = real(32), G(torch.randn(32, T, NOISE)).detach()
        loss_c = C(fake).mean() - C(x).mean() + 10 * slope_penalty(C, x, fake)
        opt_c.zero_grad()
        loss_c.backward()
        opt_c.step()
    loss_g = -C(G(torch.randn(32, T, NOISE))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if it % 48 == 47:
        with torch.no_grad():
            fake = G(torch.randn(256, T, NOISE))
            gap = (fake[:, 2:] + fake[:, :-2] - 1.3934 * fake[:, 1:-1]).abs().mean() / fake.std()
        print(
            f"{it + 1} critic {loss_c.item():.3f} generator {loss_g.item():.3f} off the wave {gap.item():.3f}"
        )
