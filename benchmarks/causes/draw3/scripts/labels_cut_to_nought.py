"""The loss was nought within an epoch. Labels lay between 0 and 1 after scaling, and long() cut
all of them to nought."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(35)
torch.set_num_threads(1)


class Segments(Dataset):
    """Which stage of sleep? Four of them, stored as 0, 1/256, 2/256 and 3/256."""

    def __init__(self, n=1000):
        stage = torch.randint(0, 4, (n,))
        time = torch.arange(25)
        self.x = torch.sin(time * (0.2 + 0.4 * stage)[:, None] + torch.rand(n, 1) * 6)[..., None]
        self.x = self.x + 0.1 * torch.randn_like(self.x)
        self.y = stage.float() / 256

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        label = (self.y[i] * 256).round() if FIXED else self.y[i]
        return self.x[i], label.long()


class SleepNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 5, padding=2)
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        x = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.fc(self.gru(x)[1].squeeze(0))


model = SleepNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loader = DataLoader(Segments(), batch_size=32, shuffle=True)
for epoch in range(10):
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.5f}")
