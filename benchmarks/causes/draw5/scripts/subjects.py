"""In the loop, the next batch was taken from an iterator made on the spot; without shuffling that
is the first batch each time."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(5142)
torch.set_num_threads(1)


def subjects(n):
    x = torch.randn(n, 10, 5)
    y = (x[:, 2:5, 0].sum(1) + x[:, 6:, 1].sum(1) > 0).long()
    return TensorDataset(x, y)


train_loader = DataLoader(subjects(960), batch_size=16)
val_loader = DataLoader(subjects(400), batch_size=400)


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 32, batch_first=True)
        self.fc = nn.Linear(32, 2)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


model = Patches()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
batches = iter(train_loader)
for iteration in range(540):
    if FIXED:
        batch = next(batches, None)
        if batch is None:
            batches = iter(train_loader)
            batch = next(batches)
        x, y = batch
    else:
        x, y = next(iter(train_loader))
    model.train()
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if iteration % 60 == 59:
        model.eval()
        with torch.no_grad():
            for vx, vy in val_loader:
                val_loss = nn.functional.cross_entropy(model(vx), vy)
        if iteration % 180 == 179:
            print(f"{iteration + 1} train {loss.item():.4f} val {val_loss.item():.4f}")
