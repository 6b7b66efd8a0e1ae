"""A stack of convolutions feeds a recurrent layer that labels each step of a signal."""

import sys
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8102)
torch.set_num_threads(1)


class Segmenter(nn.Module):
    def __init__(self, channels=12, width=2, depth=3):
        super().__init__()
        sizes = [channels] + [width] * depth
        convs = [nn.Conv1d(a, b, 3, padding=1) for a, b in pairwise(sizes)]
        norms = [nn.BatchNorm1d(b) for b in sizes[1:]]
        self.convs = nn.ModuleList(convs) if FIXED else convs
        self.norms = nn.ModuleList(norms) if FIXED else norms
        self.rnn = nn.GRU(width, 24, batch_first=True)
        self.label = nn.Linear(24, 2)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.3)
        return self.label(self.rnn(x.transpose(1, 2))[0])


def signals(n=24, t=30):
    x = torch.randn(n, 12, t)
    return x, (x[:, 5].cumsum(1) > 0).long()


model = Segmenter()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for i in range(350):
    x, y = signals()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    if i % 70 == 69:
        print(i + 1, round(loss.item(), 3))
