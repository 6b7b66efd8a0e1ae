"""Walkers as headings of length one. Later in the recording some of them stand still, and a step of
no length has no heading."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6102)
torch.set_num_threads(1)

EPS = 1e-6 if FIXED else 0.0


def crowd(n, steps, may_stand):
    turn = 0.3 * torch.randn(n, 1)
    angle = torch.rand(n, 1) * 6.28 + turn * torch.arange(steps + 1)
    speed = 0.6 + 0.4 * torch.rand(n, 1)
    move = speed[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    if may_stand:
        stands = torch.rand(n) < 0.05
        move[stands, steps // 2 : steps // 2 + 2] = 0.0
    return move


def headings(move):
    return move / (move.norm(dim=-1, keepdim=True) + EPS)


class NextHeading(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.width = width
        self.cell = nn.LSTMCell(2, width)
        self.to_heading = nn.Linear(width, 2)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.width)
        c = torch.zeros_like(h)
        said = []
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], (h, c))
            said.append(self.to_heading(h))
        return torch.stack(said, dim=1)


net = NextHeading()
opt = torch.optim.RMSprop(net.parameters(), lr=3e-3)
for frame in range(300):
    walk = headings(crowd(24, 14, may_stand=frame >= 120))
    guess = net(walk[:, :-1])
    loss = (guess - walk[:, 1:]).pow(2).sum(-1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if frame % 50 == 49:
        print(frame + 1, round(loss.item(), 4))
