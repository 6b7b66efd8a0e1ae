"""A classifier trained on squared differences, written out by hand. The score has a last dimension of
one and the label has not; the difference is a square of all pairs."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6106)
torch.set_num_threads(1)


class Parity(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.inp = nn.Linear(3, width)
        self.rec = nn.Linear(width, width, bias=False)
        nn.init.orthogonal_(self.rec.weight)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.zeros(x.size(0), self.width)
        for step in x.unbind(1):
            h = torch.tanh(self.inp(step) + self.rec(h))
        return torch.sigmoid(self.head(h))


def mse(scores, labels):
    if FIXED:
        scores = scores.squeeze(-1)
    return ((scores - labels) ** 2).mean()


def draw(n=40):
    x = torch.randn(n, 9, 3)
    return x, (x[:, 2:, 0].sum(1) > x[:, 2:, 1].sum(1)).float()


model = Parity(28)
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
print("step  loss   accuracy")
for step in range(1, 361):
    x, y = draw()
    p = model(x)
    loss = mse(p, y)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if step % 60 == 0:
        accuracy = ((p[:, 0] > 0.5).float() == y).float().mean()
        print(f"{step:4d}  {loss.item():.3f}  {accuracy.item():.3f}")
