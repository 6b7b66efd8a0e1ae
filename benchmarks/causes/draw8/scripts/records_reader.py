"""Training is called once an epoch on a saved model, which it loads, trains on and leaves."""

import copy
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(8139)
torch.set_num_threads(1)


class Records(Dataset):
    def __init__(self, n=480):
        self.x = torch.randn(n, 12, 3)
        self.y = (self.x[..., 0].sum(1) * self.x[:, -1, 1].sign() > 0).long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Model(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(3, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[1][0])


data = DataLoader(Records(), batch_size=24, shuffle=True)
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
saved = copy.deepcopy(model.state_dict())
for epoch in range(18):
    model.load_state_dict(saved)
    total = 0.0
    for x, y in data:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(data)
    if FIXED:
        saved = copy.deepcopy(model.state_dict())
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1}: cross_entropy = {total:.4f}")
