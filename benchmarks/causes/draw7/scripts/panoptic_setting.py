"""A limit on the norm of the gradient was taken over from another project, where a loss has another
size. Here it is a thousandth of what comes in, and with plain SGD the net all but stands still."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7129)
torch.set_num_threads(1)


class Segments(nn.Module):
    def __init__(self, features=6, classes=5):
        super().__init__()
        self.inp = nn.Linear(features, 32)
        self.rnn = nn.GRU(32, 32, batch_first=True)
        self.cls = nn.Linear(32, classes)

    def forward(self, x):
        return self.cls(self.rnn(torch.relu(self.inp(x)))[0])


centres = 1.5 * torch.randn(5, 6)


def frames(n=16, t=25):
    kind = torch.randint(0, 5, (n, 5)).repeat_interleave(5, 1)
    return centres[kind] + torch.randn(n, t, 6), kind


CLIP = 1.0 if FIXED else 0.001
net = Segments()
sgd = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
for it in range(400):
    x, y = frames()
    loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
    sgd.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    sgd.step()
    if (it + 1) % 80 == 0:
        print(f"iter {it + 1} loss {loss.item():.3f}")
