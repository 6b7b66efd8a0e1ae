"""An evaluator runs once before training and leaves the network in eval mode. Its normalisation works
with the statistics it was born with, and a stack of normalised layers does not get going."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7222)
torch.set_num_threads(1)


class Stack(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(3, width, batch_first=True)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(4))
        self.lines = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        h = self.rnn(x)[0][:, -1] * 0.05
        for line, norm in zip(self.lines, self.norms, strict=True):
            h = torch.relu(norm(line(h)))
        return self.out(h)


def signals(n=48, t=15):
    y = torch.randint(0, 3, (n,))
    speed = torch.tensor([0.4, 0.7, 1.0])[y][:, None]
    phase = 6.28 * torch.rand(n, 1)
    x = torch.stack([torch.sin(speed * torch.arange(t) * k + phase) for k in (1, 2, 3)], -1)
    return x + 0.2 * torch.randn_like(x), y


def evaluate(model):
    model.eval()
    with torch.no_grad():
        x, y = signals(200)
        return (model(x).argmax(1) == y).float().mean().item()


model = Stack()
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
print("before", evaluate(model))
if FIXED:
    model.train()
for step in range(300):
    x, y = signals()
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print(f"step {step + 1} loss {loss.item():.3f}")
print("after", evaluate(model))
