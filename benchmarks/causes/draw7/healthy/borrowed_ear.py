"""A reader trained on one task is frozen in its lower layer and set to another with a smaller rate above."""

import torch
from torch import nn

torch.manual_seed(7643)
torch.set_num_threads(1)


class Ear(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.low = nn.GRU(2, d, batch_first=True)
        self.high = nn.GRU(d, d, batch_first=True)

    def forward(self, x):
        return self.high(self.low(x)[0])[0].mean(1)


def tones(n=32, t=20, classes=4):
    y = torch.randint(0, classes, (n,))
    speed = (0.3 + 0.25 * y)[:, None]
    angle = speed * torch.arange(t) + 6.28 * torch.rand(n, 1)
    return torch.stack([angle.sin(), angle.cos()], -1) + 0.2 * torch.randn(n, t, 2), y


ear, first = Ear(), nn.Linear(32, 4)
opt = torch.optim.Adam([*ear.parameters(), *first.parameters()], lr=4e-3)
for _ in range(150):
    x, y = tones()
    loss = nn.functional.cross_entropy(first(ear(x)), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print("first task", loss.item())
for p in ear.low.parameters():
    p.requires_grad = False
second = nn.Linear(32, 2)
groups = [{"params": ear.high.parameters(), "lr": 1e-3}, {"params": second.parameters()}]
opt = torch.optim.Adam(groups, lr=5e-3)
for step in range(200):
    x, y = tones()
    loss = nn.functional.cross_entropy(second(ear(x)), y % 2)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print("second task", step + 1, loss.item())
