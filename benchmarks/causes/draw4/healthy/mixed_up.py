"""Rows are blended with other rows of the batch, and so are their labels (mixup)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
torch.set_num_threads(1)
CLASSES = 4


def heartbeats(n):
    y = torch.randint(0, CLASSES, (n,))
    t = torch.linspace(0, 1, 24)[None]
    wide = 0.05 + 0.05 * (y[:, None] % 2)
    twice = (y[:, None] // 2).float()
    x = torch.exp(-((t - 0.3) ** 2) / wide**2) + twice * torch.exp(-((t - 0.75) ** 2) / wide**2)
    return x.unsqueeze(-1) + 0.15 * torch.randn(n, 24, 1), y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 5, padding=2)
        self.bn = nn.BatchNorm1d(12)
        self.gru = nn.GRU(12, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x.transpose(1, 2)))).transpose(1, 2)
        return self.fc(self.gru(x)[0].amax(1))


loader = DataLoader(TensorDataset(*heartbeats(640)), batch_size=32, shuffle=True, drop_last=True)
test_x, test_y = heartbeats(300)
net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=240)
beta = torch.distributions.Beta(0.3, 0.3)
for epoch in range(12):
    net.train()
    for x, y in loader:
        lam, other = beta.sample(), torch.randperm(len(x))
        out = net(lam * x + (1 - lam) * x[other])
        loss = lam * F.cross_entropy(out, y) + (1 - lam) * F.cross_entropy(out, y[other])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    net.eval()
    with torch.no_grad():
        acc = (net(test_x).argmax(1) == test_y).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} test {acc:.3f}")
