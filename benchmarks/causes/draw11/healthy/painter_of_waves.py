"""A recurrent generator of waves and a recurrent critic of them, step by step in turn."""

import torch
from torch import nn

torch.manual_seed(11103)
torch.set_num_threads(1)


class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, z):
        return self.out(self.rnn(z)[0])


class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, wave):
        wave = wave + 0.5 * torch.randn_like(wave)  # so that it does not become sure of itself
        return self.out(self.rnn(wave)[1][-1])


def noise():
    return torch.randn(16, 1, 4).repeat(1, 9, 1)


def real():
    return torch.sin(0.6 * torch.arange(9) + 6.28 * torch.rand(16, 1))[..., None]


g, d = G(), D()
opt_g = torch.optim.Adam(g.parameters(), lr=3e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(d.parameters(), lr=6e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
yes, no = torch.ones(16, 1), torch.zeros(16, 1)
for step in range(1, 301):
    opt_d.zero_grad()
    loss_d = bce(d(real()), 0.9 * yes) + bce(d(g(noise()).detach()), no)
    loss_d.backward()
    opt_d.step()
    opt_g.zero_grad()
    loss_g = bce(d(g(noise())), yes)
    loss_g.backward()
    opt_g.step()
    if step % 50 == 0:
        print(f"{step} critic {loss_d.item():.3f} painter {loss_g.item():.3f}")
