"""A generator of short waves and a critic of them, with losses of least squares and two optimizers. Both see
their rows through a little noise, so that neither runs away from the other."""

import torch
from torch import nn

torch.manual_seed(7629)
torch.set_num_threads(1)


class Generator(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(4, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, z):
        return torch.tanh(self.out(self.rnn(z)[0]))


class Critic(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(1, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


def waves(n=32, t=16):
    return torch.sin(0.6 * torch.arange(t) + 6.28 * torch.rand(n, 1))[..., None]


def noise(n=32, t=16):
    return torch.cat([torch.randn(n, 1, 2).expand(n, t, 2), 0.3 * torch.randn(n, t, 2)], -1)


def blur(x):
    return x + 0.4 * torch.randn_like(x)


G, D = Generator(), Critic()
opt_g = torch.optim.Adam(G.parameters(), lr=3e-3, betas=(0.5, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.9))
for step in range(400):
    fake = G(noise())
    d_loss = (D(blur(waves())) - 1).square().mean() + D(blur(fake.detach())).square().mean()
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    g_loss = (D(blur(fake)) - 1).square().mean()
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if step % 80 == 79:
        print(
            f"{step + 1} critic {d_loss.item():.3f} generator {g_loss.item():.3f} std {fake.std().item():.2f}"
        )
