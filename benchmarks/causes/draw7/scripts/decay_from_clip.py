"""A weight decay was copied from a recipe with millions of examples and then made ten times larger by a
slip. It pulls the weights in faster than the gradient can build them, and the output is a constant."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7457)
torch.set_num_threads(1)


class Series(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.mlp(self.rnn(x)[0][:, -1]).squeeze(1)


def made(n=32, t=15):
    x = torch.randn(n, t, 2)
    return x, x[:, -5:, 0].sum(1) * 0.4 - 0.6 * x[:, -8, 1]


model = Series()
decay = 0.02 if FIXED else 20.0
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=decay)
for step in range(450):
    x, y = made()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 90 == 89:
        size = sum(p.pow(2).sum() for p in model.parameters()).sqrt().item()
        print(f"step {step + 1} loss {loss.item():.4f} norm {size:.2f}")
