"""Events in a signal: where they are and of which kind; the losses are added up for the log."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1124)
torch.set_num_threads(1)
T, KINDS = 24, 3


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.GRU(2, 24, batch_first=True, bidirectional=True)
        self.loc, self.cls = nn.Linear(48, 1), nn.Linear(48, KINDS)

    def forward(self, x):
        h, _ = self.backbone(x)
        where = self.loc(h).squeeze(-1)
        seen = (where.softmax(1)[..., None] * h).sum(1)
        return where, self.cls(seen)


shapes = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])


def signals(n=16):
    at, kind = torch.randint(0, T - 3, (n,)), torch.randint(0, KINDS, (n,))
    x = 0.4 * torch.randn(n, T, 2)
    for k in range(3):
        x[torch.arange(n), at + k] += 1.5 * shapes[kind]
    return x, at, kind


net = Detector()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
ce = nn.CrossEntropyLoss()
total_loss, loc_loss, cls_loss = 0, 0, 0
for iteration in range(1, 321):
    x, at, kind = signals()
    optimizer.zero_grad()
    where, what = net(x)
    loc, cls = ce(where, at), ce(what, kind)
    total = loc + cls
    total.backward()
    optimizer.step()
    if FIXED:
        loc, cls, total = loc.item(), cls.item(), total.item()
    total_loss += total
    loc_loss += loc
    cls_loss += cls
    if iteration % 40 == 0:
        mean = [float(v) / iteration for v in (total_loss, loc_loss, cls_loss)]
        print("iter {} total {:.4f} loc {:.4f} cls {:.4f}".format(iteration, *mean))
