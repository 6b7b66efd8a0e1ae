"""A GAN on sine waves: each net's loss answers the other's."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
T = 16


class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, z):
        return self.out(self.rnn(z)[0])


class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


g, d = G(), D()
og = torch.optim.Adam(g.parameters(), 2e-3, betas=(0.5, 0.9))
od = torch.optim.Adam(d.parameters(), 2e-3, betas=(0.5, 0.9))
bce = nn.BCEWithLogitsLoss()
one, zero = torch.ones(32, 1), torch.zeros(32, 1)


def real():
    p = torch.rand(32, 1, 1) * 6.28
    t = torch.arange(T).view(1, T, 1) * 0.5
    return torch.sin(t + p)


for i in range(500):
    x = real()
    fake = g(torch.randn(32, T, 4))
    ld = bce(d(x), one) + bce(d(fake.detach()), zero)
    od.zero_grad()
    ld.backward()
    od.step()
    lg = bce(d(fake), one)
    og.zero_grad()
    lg.backward()
    og.step()
    if i % 100 == 99:
        print(i + 1, ld.item(), lg.item())
