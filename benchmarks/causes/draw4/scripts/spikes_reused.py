"""A spiking cell returns its state, which was handed to the next call as it was. The second
backward met a graph that was gone."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(411)
torch.set_num_threads(1)


class LeakyCell(nn.Module):
    """Integrates, fires softly, and is reset by what it fired."""

    def __init__(self, n_in, n):
        super().__init__()
        self.n = n
        self.w_in = nn.Linear(n_in, n)
        self.w_rec = nn.Linear(n, n, bias=False)

    def forward(self, x, state=None):
        v, z = state if state is not None else (x.new_zeros(len(x), self.n),) * 2
        v = 0.8 * v * (1 - z) + self.w_in(x) + self.w_rec(z)
        z = torch.sigmoid(4 * (v - 1))
        return z, (v, z)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = LeakyCell(3, 40)
        self.out = nn.Linear(40, 1)

    def forward(self, x, state):
        rates = []
        for t in range(x.size(1)):
            z, state = self.cell(x[:, t], state)
            rates.append(self.out(z))
        return torch.stack(rates, 1), state


def stream(batch=16, chunk=10):
    """Endless: the answer is a slow trace of the first input."""
    trace = torch.zeros(batch, 1)
    while True:
        x = (torch.rand(batch, chunk, 3) < 0.3).float()
        y = []
        for t in range(chunk):
            trace = 0.7 * trace + x[:, t, :1]
            y.append(trace)
        yield x, torch.stack(y, 1)


net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
state = None
for i, (x, y) in enumerate(stream()):
    if i == 300:
        break
    pred, state = net(x, state)
    if FIXED:
        state = tuple(s.detach() for s in state)
    loss = nn.functional.mse_loss(pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.4f}")
