"""The two cells of a stack with layer normalisation stood in a plain list, so that the module did
not know their parameters, and the optimizer got those of the last layer only."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5101)
torch.set_num_threads(1)


class NormCell(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.lin_x = nn.Linear(n_in, 4 * n_hidden)
        self.lin_h = nn.Linear(n_hidden, 4 * n_hidden, bias=False)
        self.norm = nn.LayerNorm(n_hidden)

    def forward(self, x, hc):
        h, c = hc
        i, f, g, o = (self.lin_x(x) + self.lin_h(h)).chunk(4, dim=1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.norm(c))
        return h, c


class Rule(nn.Module):
    def __init__(self, width=24, layers=2):
        super().__init__()
        self.width = width
        sizes = [3] + [width] * (layers - 1)
        cells = [NormCell(size, width) for size in sizes]
        self.lstms = nn.ModuleList(cells) if FIXED else cells
        self.linear = nn.Linear(width, 1)

    def forward(self, seq):
        states = [(seq.new_zeros(seq.shape[1], self.width),) * 2 for _ in self.lstms]
        for x in seq:
            for k, cell in enumerate(self.lstms):
                states[k] = cell(x, states[k])
                x = states[k][0]
        return self.linear(x)[:, 0]


def problems(n=32, t=12):
    seq = torch.randn(t, n, 3)
    key = (seq[:, :, 2] > 0).float()
    return seq, (seq[:, :, 0] * key).mean(0) * 2 + torch.tanh(seq[0, :, 1])


rule = Rule()
opt = torch.optim.Adam(rule.parameters(), lr=5e-3)
for it in range(400):
    seq, y = problems()
    loss = nn.functional.mse_loss(rule(seq), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 100 == 99:
        print(f"{it + 1} mse {loss.item():.4f}")
