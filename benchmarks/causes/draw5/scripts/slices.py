"""A decay that was meant for epochs was applied in the loop over batches."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5135)
torch.set_num_threads(1)


class SliceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 32, batch_first=True)
        self.mark = nn.Linear(32, 3)

    def forward(self, slices):
        return self.mark(self.rnn(slices)[0])


def scans(batches, n=16, t=12):
    for _ in range(batches):
        x = torch.randn(n, t, 6)
        rising = x[..., 0].cumsum(1)
        yield x, (rising > 0.7).long() + (rising > -0.7).long()


model = SliceModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
for epoch in range(10):
    total = 0.0
    for slices, marks in scans(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(slices).transpose(1, 2), marks)
        loss.backward()
        optimizer.step()
        if not FIXED:
            scheduler.step()
        total += loss.item() / 50
    if FIXED:
        scheduler.step()
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1}: {total:.4f}")
