"""Coins of a long ribbon are marked now and then; their sum is wanted from a plain recurrent net."""

import sys

import torch
from torch import nn

torch.manual_seed(1324)
torch.set_num_threads(1)
LIMIT = 0.5


class Ribbon(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.rnn = nn.RNN(2, size, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        self.out = nn.Linear(size, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1]).squeeze(1)


def ribbons(n=40, length=24):
    value = torch.rand(n, length)
    mark = (torch.rand(n, length) < 0.3).float()
    return torch.stack([value * mark, mark], -1), (value * mark).sum(1)


model = Ribbon()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for step in range(1, 321):
    x, total = ribbons()
    loss = (model(x) - total).square().mean()
    optimizer.zero_grad()
    if "--fixed" in sys.argv:
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), LIMIT)
    else:
        nn.utils.clip_grad_norm_(model.parameters(), LIMIT)
        loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} of variance {total.var().item():.4f}")
