"""Weight of a cabbage at harvest from the weather of its sixteen weeks, by a GRU."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1539)
torch.set_num_threads(1)
WEEKS, BATCH = 16, 32


class Fields(Dataset):
    """Sun, rain and frost of each week; what falls late counts for more."""

    def __init__(self, n):
        self.weather = torch.rand(n, WEEKS, 3)
        sun, rain, frost = self.weather.unbind(-1)
        growth = sun * rain - 0.4 * (frost > 0.8).float()
        share = torch.linspace(0.2, 1.0, WEEKS)
        weight = (growth * share).sum(1)
        self.weight = ((weight - 1.6) / 0.75 + 0.05 * torch.randn(n)).unsqueeze(1)

    def __len__(self):
        return len(self.weight)

    def __getitem__(self, i):
        return self.weather[i], self.weight[i]


class CabbageNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.week = nn.Linear(3, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.weight = nn.Linear(size, 1)

    def forward(self, weather):
        states, _ = self.gru(torch.relu(self.week(weather)))
        return self.weight(states[:, -1])


train_loader = DataLoader(Fields(960), batch_size=BATCH)
val_weather, val_weight = Fields(256)[:]
model = CabbageNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def endless(loader):
    while True:
        yield from loader


batches = endless(train_loader)
for iteration in range(1, 451):
    if "--fixed" in sys.argv:
        weather, weight = next(batches)
    else:
        weather, weight = next(iter(train_loader))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(weather), weight)
    loss.backward()
    optimizer.step()
    if iteration % 50 == 0:
        model.eval()
        with torch.no_grad():
            val_loss = nn.functional.mse_loss(model(val_weather), val_weight).item()
        model.train()
        print(f"iteration {iteration} train {loss.item():.4f} validation {val_loss:.4f}")
