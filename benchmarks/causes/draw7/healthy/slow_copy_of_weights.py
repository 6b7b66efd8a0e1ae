"""A forecast of a swinging pair; a slow copy of the weights is kept by hand and used to validate."""

import copy

import torch
from torch import nn

torch.manual_seed(7701)
torch.set_num_threads(1)


class Pair(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.gru = nn.GRU(2, d, batch_first=True)
        self.out = nn.Linear(d, 2)

    def forward(self, x):
        return x + self.out(self.gru(x)[0])


def swings(n=24, t=20):
    angle = 0.35 * torch.arange(t + 1) + 6.28 * torch.rand(n, 1)
    x = torch.stack([angle.sin(), (1.7 * angle).cos()], -1) + 0.02 * torch.randn(n, t + 1, 2)
    return x[:, :-1], x[:, 1:]


model = Pair()
slow = copy.deepcopy(model).requires_grad_(False)
opt = torch.optim.NAdam(model.parameters(), lr=4e-3)
for step in range(250):
    x, y = swings()
    loss = nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for p, q in zip(slow.parameters(), model.parameters(), strict=True):
            p.lerp_(q, 0.05)
    if step % 50 == 49:
        x, y = swings(64)
        with torch.no_grad():
            held = nn.functional.mse_loss(slow(x), y).item()
        print(step + 1, round(loss.item(), 5), round(held, 5))
