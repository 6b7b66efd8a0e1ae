"""Pen strokes as a mixture of normal densities; the loss is a density and falls below nought."""

import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

torch.manual_seed(12)
torch.set_num_threads(1)


class Pen(nn.Module):
    def __init__(self, parts=4):
        super().__init__()
        self.parts = parts
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.out = nn.Linear(32, parts * 5)

    def forward(self, x):
        z = self.out(self.lstm(x)[0])
        which, mean, scale = z.split([self.parts, 2 * self.parts, 2 * self.parts], -1)
        mean, scale = (v.unflatten(-1, (self.parts, 2)) for v in (mean, scale))
        each = Independent(Normal(mean, nn.functional.softplus(scale) + 0.02), 1)
        return MixtureSameFamily(Categorical(logits=which), each)


def strokes(n=24, length=20):
    turn = 0.4 * torch.where(torch.rand(n, 1) < 0.5, 1.0, -1.0)
    angle = torch.rand(n, 1) * 6.28 + turn * torch.arange(length)
    step = 0.2 * torch.stack([angle.cos(), angle.sin()], -1)
    return step + 0.03 * torch.randn_like(step)


pen = Pen()
optimizer = torch.optim.Adam(pen.parameters(), lr=4e-3)
for i in range(250):
    s = strokes()
    loss = -pen(s[:, :-1]).log_prob(s[:, 1:]).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(pen.parameters(), 10.0)
    optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.3f}")
