"""The steps of an example were too long: with momentum, this rate carries the weights over every valley,
and the loss climbs out of its range within some dozen steps."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7329)
torch.set_num_threads(1)


class Example(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.w_in = nn.Linear(3, width)
        self.w_rec = nn.Linear(width, width, bias=False)
        self.w_out = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.zeros(x.size(0), self.w_rec.in_features)
        for t in range(x.size(1)):
            h = torch.tanh(self.w_in(x[:, t]) + self.w_rec(h))
        return self.w_out(h).squeeze(1)


def sums(n=32, t=10):
    x = torch.randn(n, t, 3)
    return x, x[:, -5:, 0].sum(1)


params_lr = 0.02 if FIXED else 2.0
model = Example()
opt = torch.optim.SGD(model.parameters(), lr=params_lr, momentum=0.8)
for step in range(300):
    x, y = sums()
    loss = nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 in (0, 49):
        print(f"step {step} loss {loss.item():.4g}")
