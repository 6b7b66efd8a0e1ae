"""The state of a slow integrator was kept in 16 bits; what a step adds is often less than the state
can tell apart, and is lost."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5160)
torch.set_num_threads(1)

STATE_DTYPE = torch.float32 if FIXED else torch.bfloat16


class Integrator(nn.Module):
    """A level that starts at a set point and moves by a 256th of what each step says."""

    set_point, rate = 4.0, 1 / 256

    def __init__(self, width=16):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        state = torch.full((x.shape[0], self.inp.out_features), self.set_point).to(STATE_DTYPE)
        for t in range(x.shape[1]):
            push = self.rate * torch.tanh(self.inp(x[:, t]))
            state = state + push.to(STATE_DTYPE)
        return self.out((state.float() - self.set_point) * 8)[:, 0]


def signal(n=24, t=40):
    x = torch.randn(n, t, 2)
    level = torch.randn(n, 1)
    x[..., 0] = x[..., 0] * 0.5 + level
    return x, x[..., 0].mean(1)


net = Integrator()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
recent = []
for it in range(1, 251):
    x, y = signal()
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if it % 50 == 0:
        print(f"{it}: {sum(recent[-25:]) / 25:.5f}")
