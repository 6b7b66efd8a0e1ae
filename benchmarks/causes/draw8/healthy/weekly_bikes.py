"""Bikes hired by the hour: a week's rhythm, the weather, and six hours ahead at once."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(8204)
torch.set_num_threads(1)


class Bikes(Dataset):
    def __init__(self, hours=1200, past=24, ahead=6):
        time = torch.arange(hours)
        warm = torch.sin(time / 90) + 0.2 * torch.randn(hours)
        hired = torch.sin(6.283 * time / 24) + 0.5 * torch.sin(6.283 * time / 168) + 0.4 * warm
        hired = hired + 0.1 * torch.randn(hours)
        self.series = torch.stack([hired, warm, torch.cos(6.283 * time / 24)], 1)
        self.series = (self.series - self.series.mean(0)) / self.series.std(0)
        self.past, self.ahead = past, ahead

    def __len__(self):
        return len(self.series) - self.past - self.ahead

    def __getitem__(self, i):
        cut = i + self.past
        return self.series[i:cut], self.series[cut : cut + self.ahead, 0]


class Forecast(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.lstm = nn.LSTM(3, width, batch_first=True)
        self.ahead = nn.Linear(width, 6)

    def forward(self, x):
        return self.ahead(self.lstm(x)[1][0][-1])


model = Forecast()
opt = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-3)
for epoch in range(8):
    total, loader = 0.0, DataLoader(Bikes(), batch_size=40, shuffle=True)
    for past, ahead in loader:
        loss = nn.functional.huber_loss(model(past), ahead)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / len(loader)
    print(f"epoch {epoch + 1} {total:.4f}")
