"""fit() is called for one portion of data after another, and sets up its optimizer each time. There
is no momentum that lasts, and without it the rate is far too low."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6159)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 32, batch_first=True)
        self.dense = nn.Linear(32, 3)
        self.compiled = None

    def forward(self, x):
        return self.dense(self.rnn(x)[0][:, -1])

    def compile_sgd(self):
        return torch.optim.SGD(self.parameters(), lr=2.5e-2, momentum=0.95, nesterov=True)

    def fit(self, x, y):
        if self.compiled is None or not FIXED:
            self.compiled = self.compile_sgd()
        self.compiled.zero_grad()
        loss = nn.functional.cross_entropy(self(x), y)
        loss.backward()
        self.compiled.step()
        return loss.item()


swings = torch.tensor([0.25, 0.5, 0.8])


def portion(n=32, t=14):
    y = torch.randint(0, 3, (n,))
    at = swings[y][:, None] * torch.arange(t) + 6.28 * torch.rand(n, 1)
    x = torch.stack([at.sin(), at.cos(), (at + 1).sin(), torch.randn(n, t)], -1)
    return x + 0.3 * torch.randn(n, t, 4), y


model = Model()
history = []
for i in range(500):
    history.append(model.fit(*portion()))
    if i % 100 == 99:
        print(f"{i + 1} loss {sum(history[-50:]) / 50:.4f}")
