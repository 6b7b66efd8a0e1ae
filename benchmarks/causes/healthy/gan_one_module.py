"""Both nets of a GAN in one module, with an optimizer each."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(2)
T = 16


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.gen = nn.GRU(4, 24, batch_first=True)
        self.head = nn.Linear(24, 1)
        self.dis = nn.GRU(1, 24, batch_first=True)
        self.judge = nn.Linear(24, 1)

    def make(self, z):
        return torch.tanh(self.head(self.gen(z)[0]))

    def says(self, x):
        return self.judge(self.dis(x)[0][:, -1])


net = GAN()
og = torch.optim.Adam([*net.gen.parameters(), *net.head.parameters()], 2e-3, betas=(0.5, 0.9))
od = torch.optim.Adam([*net.dis.parameters(), *net.judge.parameters()], 2e-3, betas=(0.5, 0.9))
bce = nn.BCEWithLogitsLoss()
one, zero = torch.ones(32, 1), torch.zeros(32, 1)


def real():
    p = torch.rand(32, 1, 1) * 6.28
    t = torch.arange(T).view(1, T, 1) * 0.5
    return torch.sin(t + p)


for i in range(400):
    x = real()
    fake = net.make(torch.randn(32, T, 4))
    ld = bce(net.says(x), one) + bce(net.says(fake.detach()), zero)
    od.zero_grad()
    ld.backward()
    od.step()
    lg = bce(net.says(fake), one)
    og.zero_grad()
    lg.backward()
    og.step()
