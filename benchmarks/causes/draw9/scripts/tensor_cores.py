"""The weights of a recurrent cell are products of small cores, as in tensor networks."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9053)
torch.set_num_threads(1)


class Tensor:
    """A matrix kept as a product of two thin ones."""

    def __init__(self, cores):
        self.cores = cores

    def full(self):
        return self.cores[0] @ self.cores[1]

    def clone(self):
        return Tensor([core.detach().clone() for core in self.cores])


class TTLinear(nn.Module):
    def __init__(self, inputs, outputs, rank=12):
        super().__init__()
        self.cores = nn.ParameterList(
            [
                nn.Parameter(torch.randn(inputs, rank) / inputs**0.5),
                nn.Parameter(torch.randn(rank, outputs) / rank**0.5),
            ]
        )

    def forward(self, x):
        weight = Tensor(list(self.cores))
        return x @ (weight if FIXED else weight.clone()).full()


class Cell(nn.Module):
    def __init__(self, inputs=12, hidden=32):
        super().__init__()
        self.x2h, self.h2h = TTLinear(inputs, hidden), TTLinear(hidden, hidden)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.readout = nn.Linear(hidden, 12)

    def forward(self, x):
        h = x.new_zeros(len(x), 32)
        for t in range(x.shape[1]):
            h = torch.tanh(self.x2h(x[:, t]) + self.h2h(h) + self.bias)
        return self.readout(h)


model = Cell()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    ids = torch.randint(0, 12, (32, 6))
    x = nn.functional.one_hot(ids, 12).float()
    loss = nn.functional.cross_entropy(model(x), ids[:, 1])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 79:
        print(f"step {step + 1}: {loss.item():.4f}")
