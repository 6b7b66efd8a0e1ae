"""Slices of a volume are read one after another to tell which vertebra it shows."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(10040)
torch.set_num_threads(1)

bones = torch.randn(6, 7, 9)


def subjects(n):
    which = torch.randint(0, 6, (n,))
    return TensorDataset(bones[which] + 1.4 * torch.randn(n, 7, 9), which)


train_loader = DataLoader(subjects(960), batch_size=24)
test_x, test_y = subjects(300).tensors


class Slices(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(9, 32, batch_first=True)
        self.label = nn.Linear(32, 6)

    def forward(self, x):
        return self.label(self.gru(x)[1].squeeze(0))


model = Slices()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
patches = iter(train_loader)
for iteration in range(400):
    if FIXED:
        try:
            x, y = next(patches)
        except StopIteration:
            patches = iter(train_loader)
            x, y = next(patches)
    else:
        x, y = next(iter(train_loader))
    loss = loss_fn(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if iteration % 80 == 79:
        with torch.no_grad():
            test = loss_fn(model(test_x), test_y)
            right = (model(test_x).argmax(1) == test_y).float().mean()
        print(f"iter {iteration + 1} train {loss.item():.4f} test {test:.4f} right {right:.3f}")
