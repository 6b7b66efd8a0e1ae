"""A net was carried over from a framework where the number says how much to keep. Here it says how much
to drop: of a hundred units, two are left, and what the head sees is mostly noise."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7157)
torch.set_num_threads(1)


class Clip(nn.Module):
    def __init__(self, dropout_keep_prob=0.98):
        super().__init__()
        self.gru = nn.GRU(8, 48, batch_first=True)
        self.dropout = nn.Dropout(1 - dropout_keep_prob if FIXED else dropout_keep_prob)
        self.logits = nn.Linear(48, 6)

    def forward(self, x):
        return self.logits(self.dropout(self.gru(x)[0].mean(1)))


moves = torch.randn(6, 16, 8)


def clips(n=32):
    y = torch.randint(0, 6, (n,))
    return moves[y] + 1.2 * torch.randn(n, 16, 8), y


net = Clip()
net.train()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(300):
    x, y = clips()
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print("step", step + 1, "loss", round(loss.item(), 3))
