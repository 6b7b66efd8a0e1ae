"""Two networks against each other: one makes waves, the other tells them from real ones."""

import torch
from torch import nn

torch.manual_seed(5205)
torch.set_num_threads(1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, z):
        return self.out(self.rnn(z)[0])


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))[:, 0]


G, D = Generator(), Discriminator()
g_opt = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.99))
d_opt = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.99))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(32), torch.zeros(32)
clock = torch.arange(12.0)[None, :, None]
for it in range(300):
    real = torch.sin(clock * 0.6 + torch.rand(32, 1, 1) * 6.28)
    fake = G(torch.randn(32, 1, 4).expand(-1, 12, -1) + 0.1 * torch.randn(32, 12, 4))
    d_loss = bce(D(real), 0.9 * ones) + bce(D(fake.detach()), zeros)
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()
    g_loss = bce(D(fake), ones)
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()
    if it % 60 == 59:
        print(f"{it + 1} D {d_loss.item():.3f} G {g_loss.item():.3f} std {fake.std().item():.3f}")
