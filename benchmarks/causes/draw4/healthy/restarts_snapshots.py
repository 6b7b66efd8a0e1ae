"""Cosine with warm restarts; a copy of the weights at the end of each cycle, and all copies
vote."""

import copy

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
torch.set_num_threads(1)


def dances(n):
    y = torch.randint(0, 5, (n,))
    t = torch.arange(16.0)
    beat = torch.sin(t[None] * (0.4 + 0.25 * y[:, None]) + 6.28 * torch.rand(n, 1))
    return torch.stack([beat, beat.roll(2, 1)], -1) + 0.3 * torch.randn(n, 16, 2), y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 40, batch_first=True)
        self.out = nn.Linear(40, 5)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


loader = DataLoader(TensorDataset(*dances(640)), batch_size=32, shuffle=True)
test_x, test_y = dances(400)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4)
cycle = 120
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=cycle)
snapshots, step = [], 0
for _ in range(18):
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        step += 1
        if step % cycle == 0:
            snapshots.append(copy.deepcopy(net).eval().requires_grad_(False))
            vote = sum(torch.softmax(s(test_x), 1) for s in snapshots)
            acc = (vote.argmax(1) == test_y).float().mean().item()
            print(f"cycle {step // cycle} loss {loss.item():.4f} vote {acc:.3f}")
