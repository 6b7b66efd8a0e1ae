"""The water below a weir in three hours' time, from a day of rain and levels."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1333)
torch.set_num_threads(1)


class cfg:
    lr = 4e-3
    gamma = 0.5
    n_steps = 3
    epochs = 20


class LevelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, day):
        return self.out(self.gru(day)[0][:, -1]).squeeze(1)


def days(n, length=24, ahead=3):
    rain = torch.relu(torch.randn(n, length + ahead) - 0.8)
    level, store = torch.randn(n), torch.rand(n)
    levels = []
    for t in range(length + ahead):
        store = 0.85 * store + rain[:, t]
        level = 0.8 * level + 0.25 * store - 0.2
        levels.append(level)
    levels = torch.stack(levels, 1)
    seen = torch.stack([rain[:, :length], levels[:, :length]], -1)
    return seen + 0.02 * torch.randn_like(seen), levels[:, -1]


def adjust_learning_rate(optimizer, epoch):
    if "--fixed" in sys.argv:
        lr = cfg.lr * cfg.gamma ** (epoch // cfg.n_steps)
    else:
        lr = cfg.lr * cfg.gamma ** -(epoch // cfg.n_steps)
    for group in optimizer.param_groups:
        group["lr"] = lr


def train():
    loader = DataLoader(TensorDataset(*days(960)), batch_size=32, shuffle=True)
    day_val, level_val = days(400)
    model = LevelNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    for epoch in range(cfg.epochs):
        adjust_learning_rate(optimizer, epoch)
        total = 0.0
        for day, level in loader:
            loss = nn.functional.mse_loss(model(day), level)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        with torch.no_grad():
            val = nn.functional.mse_loss(model(day_val), level_val).item()
        print(f"epoch {epoch:2d} loss {total:.4f} val {val:.4f} (variance {level_val.var():.3f})")


train()
