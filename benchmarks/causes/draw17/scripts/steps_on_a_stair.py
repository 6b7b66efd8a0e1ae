"""Steps on a stair: which of four people comes up? A fixed set of short records, a GRU over the steps."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1750)
torch.set_num_threads(1)
PEOPLE, STEPS = 4, 10
pace = torch.tensor([0.6, 0.8, 1.0, 1.2])
limp = torch.tensor([0.1, -0.3, 0.3, -0.1])


def records(n):
    who = torch.randint(0, PEOPLE, (n,))
    odd = torch.where(torch.arange(STEPS) % 2 == 0, 1.0, -1.0)
    gaps = pace[who].unsqueeze(1) + limp[who].unsqueeze(1) * odd + 0.1 * torch.randn(n, STEPS)
    loud = 0.3 * torch.randn(n, STEPS)
    return torch.stack([2 * (gaps - 0.9), loud], dim=2), who


def split(dataset):
    loader = DataLoader(dataset, batch_size=64, shuffle=True)
    x = torch.cat([x for x, _ in loader])
    if "--fixed" in sys.argv:
        x, y = dataset.tensors
    else:
        y = torch.cat([y for _, y in loader])
    return TensorDataset(x[:400], y[:400]), TensorDataset(x[400:], y[400:])


class StairNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.fc = nn.Linear(32, PEOPLE)

    def forward(self, x):
        return self.fc(self.gru(x)[1][-1])


train, val = split(TensorDataset(*records(600)))
model = StairNet()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for epoch in range(1, 31):
    model.train()
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    if epoch % 3 == 0:
        with torch.no_grad():
            x, y = val.tensors
            right = (model(x).argmax(1) == y).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} val right {right:.3f}")
