"""A constant scale for reduced precision multiplied the loss. The limit came before the gradients
were divided by it again, so that next to nothing was left of a step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5130)
torch.set_num_threads(1)

LOSS_SCALE = 1024.0


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6, 12)
        self.lstm = nn.LSTM(12, 24, batch_first=True)
        self.linear = nn.Linear(24, 4)

    def forward(self, x):
        return self.linear(self.lstm(self.embed(x))[1][0][0])


def draw(n=32, t=10):
    x = torch.randint(0, 6, (n, t))
    return x, (x == 0).sum(1).clamp(max=3)


class ScaledOptimizer:
    def __init__(self, model, lr):
        self.parameters = list(model.parameters())
        self.inner = torch.optim.SGD(self.parameters, lr=lr, momentum=0.9)

    def unscale(self):
        for p in self.parameters:
            p.grad.div_(LOSS_SCALE)

    def step(self, loss):
        self.inner.zero_grad()
        (loss * LOSS_SCALE).backward()
        if FIXED:
            self.unscale()
        nn.utils.clip_grad_norm_(self.parameters, 5.0)
        if not FIXED:
            self.unscale()
        self.inner.step()


model = Counter()
optimizer = ScaledOptimizer(model, lr=0.2)
for i in range(500):
    x, y = draw()
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.step(loss)
    if i % 100 == 99:
        print(i + 1, round(loss.item(), 4))
