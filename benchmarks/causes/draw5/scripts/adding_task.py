"""An own layer of independent units loops over the first axis; the data of the adding task came
with the rows there."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5114)
torch.set_num_threads(1)


class IndCell(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.inp = nn.Linear(n_in, n_hidden)
        self.u = nn.Parameter(torch.rand(n_hidden) * 0.5 + 0.5)

    def forward(self, x, h):
        return torch.relu(self.inp(x) + self.u * h)


class IndRNN(nn.Module):
    def __init__(self, n_in=2, n_hidden=48, n_layer=2):
        super().__init__()
        self.cells = nn.ModuleList(
            IndCell(n_in if k == 0 else n_hidden, n_hidden) for k in range(n_layer)
        )

    def forward(self, x):
        for cell in self.cells:
            h = x.new_zeros(x.shape[1], cell.u.numel())
            steps = []
            for t in range(x.shape[0]):
                h = cell(x[t], h)
                steps.append(h)
            x = torch.stack(steps)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.indrnn = IndRNN()
        self.lin = nn.Linear(48, 1)
        nn.init.zeros_(self.lin.bias)

    def forward(self, x):
        if FIXED:
            return self.lin(self.indrnn(x.transpose(0, 1))[-1])[:, 0]
        return self.lin(self.indrnn(x)[:, -1])[:, 0]


def get_batch(batch_size=20, time_steps=14):
    add_values = torch.rand(batch_size, time_steps)
    add_indices = torch.zeros_like(add_values)
    half = time_steps // 2
    rows = torch.arange(batch_size)
    first = torch.randint(0, half, (batch_size,))
    second = torch.randint(half, time_steps, (batch_size,))
    add_indices[rows, first] = 1
    add_indices[rows, second] = 1
    return torch.stack([add_values, add_indices], -1), (add_values * add_indices).sum(1)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
losses = []
for step in range(700):
    data, target = get_batch()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(data), target)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step % 140 == 139:
        print(f"MSE after {step + 1} iterations: {sum(losses[-100:]) / 100:.4f}")
