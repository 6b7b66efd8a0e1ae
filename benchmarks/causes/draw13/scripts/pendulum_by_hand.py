"""A double swing is carried on from its beginning by a recurrent net made of plain matrices."""

import sys

import torch
from torch import nn

torch.manual_seed(1325)
torch.set_num_threads(1)


class Swing(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.inp = nn.Linear(2, size)
        self.hidden = nn.Linear(size, size)
        nn.init.orthogonal_(self.hidden.weight, gain=1.3)
        self.out = nn.Linear(size, 2)

    def forward(self, start, steps):
        h = self.inp(start).tanh()
        path = []
        for _ in range(steps):
            h = self.hidden(h).tanh()
            path.append(self.out(h))
        return torch.stack(path, 1)


def swings(n=32, steps=16):
    phase = 6.28 * torch.rand(n, 1)
    time = torch.arange(steps + 1) * 0.5
    x = torch.stack([(time + phase).sin(), (time + phase).cos()], -1)
    return x[:, 0], x[:, 1:]


model = Swing()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(1, 401):
    start, path = swings()
    loss = nn.functional.mse_loss(model(start, path.shape[1]), path)
    optimizer.zero_grad()
    loss.backward()
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 0.2)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 0.2)
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")
