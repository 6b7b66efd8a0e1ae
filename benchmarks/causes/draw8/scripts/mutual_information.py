"""Parts of a signal and the whole of it: an encoder is trained to know which parts belong to which
whole, by an estimate of what they share."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8137)
torch.set_num_threads(1)


class DeepInfoMaxLoss(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.d = nn.Sequential(nn.Linear(2 * width, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, y, m):
        other = torch.cat([m[1:], m[:1]])
        y = y[:, None].expand(-1, m.shape[1], -1)
        joint = -F.softplus(-self.d(torch.cat([y, m], -1))).mean()
        apart = F.softplus(self.d(torch.cat([y, other], -1))).mean()
        marginal = apart if FIXED else -apart
        return marginal - joint


class Encoder(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.local = nn.Conv1d(1, width, 4, stride=4)
        self.whole = nn.GRU(width, width, batch_first=True)

    def forward(self, x):
        m = self.local(x[:, None]).tanh().transpose(1, 2)
        return self.whole(m)[1][0], m


def signals(n=48, t=32):
    pace = 0.1 + 1.4 * torch.rand(n, 1)
    return torch.sin(6.28 * torch.rand(n, 1) + pace * torch.arange(t))


encoder, loss_fn = Encoder(), DeepInfoMaxLoss()
optim = torch.optim.Adam(encoder.parameters(), lr=2e-3)
loss_optim = torch.optim.Adam(loss_fn.parameters(), lr=2e-3)
for step in range(300):
    optim.zero_grad()
    loss_optim.zero_grad()
    loss = loss_fn(*encoder(signals()))
    loss.backward()
    optim.step()
    loss_optim.step()
    if step % 60 == 59:
        print(f"{step + 1} loss {loss.item():.3f}")
