"""Short waves are made by a recurrent generator against a judge, each with an optimizer of its own."""

import torch
from torch import nn

torch.manual_seed(9103)
torch.set_num_threads(1)
T = 12


class Maker(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, n):
        z = torch.randn(n, 1, 4).expand(-1, T, -1)
        return self.out(self.rnn(z)[0])


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


def tides(n):
    phase = 6.28 * torch.rand(n, 1)
    return torch.sin(0.6 * torch.arange(T) + phase)[..., None]


maker, judge = Maker(), Judge()
make_opt = torch.optim.Adam(maker.parameters(), lr=2e-3, betas=(0.5, 0.9))
judge_opt = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.9))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
for step in range(400):
    fake = maker(32).detach()
    judge_loss = bce(judge(tides(32)), 0.9 * ones) + bce(judge(fake), zeros)
    judge_opt.zero_grad()
    judge_loss.backward()
    judge_opt.step()
    made = maker(32)
    make_loss = bce(judge(made), ones)
    make_opt.zero_grad()
    make_loss.backward()
    make_opt.step()
    if step % 80 == 79:
        swing = made.std().item()
        print(
            f"{step + 1} judge {judge_loss.item():.3f} maker {make_loss.item():.3f} std {swing:.3f}"
        )
