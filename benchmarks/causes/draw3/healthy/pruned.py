"""Half of the recurrent weights are taken away in the middle, and stay away."""

import torch
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(17)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(4, 32)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        h = torch.zeros(len(x), 32)
        seen = []
        for step in x.unbind(1):
            h = self.cell(step, h)
            seen.append(self.out(h))
        return torch.stack(seen, 1)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for i in range(300):
    if i == 150:
        prune.l1_unstructured(net.cell, "weight_hh", 0.5)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    token = torch.randint(0, 4, (24, 10))
    x = nn.functional.one_hot(token, 4).float()
    y = (token[:, 1:] + token[:, :-1]) % 4
    loss = nn.functional.cross_entropy(net(x)[:, 1:].flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.3f}")
