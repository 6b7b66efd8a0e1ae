"""Deliveries and sales of a shelf through a month; what is left of the stock is told on each day."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1221)
torch.set_num_threads(1)
DAYS, BATCH = 24, 40


class Shelf(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.stock = nn.Linear(size, 1)
        self.state = None

    def reset_states(self):
        self.state = None

    def forward(self, moves):
        out, state = self.lstm(moves, self.state)
        self.state = tuple(s.detach() for s in state)
        return self.stock(out).squeeze(-1)


def months(n):
    """Each month begins with an empty shelf; some are busy, some quiet."""
    busy = 0.2 + torch.rand(n, 1)
    arrive = (torch.rand(n, DAYS) < 0.5).float() * busy
    wish = (torch.rand(n, DAYS) < 0.45).float() * busy
    stock, left = torch.zeros(n), []
    for day in range(DAYS):
        stock = (stock + arrive[:, day] - wish[:, day]).clamp(min=0)
        left.append(stock)
    return torch.stack([arrive, wish], -1), torch.stack(left, 1)


train = DataLoader(TensorDataset(*months(1600)), BATCH, shuffle=True)
valid = DataLoader(TensorDataset(*months(400)), BATCH)
model = Shelf()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def run(loader, learn):
    total = 0.0
    for moves, left in loader:
        if "--fixed" in sys.argv:
            model.reset_states()
        with torch.set_grad_enabled(learn):
            loss = nn.functional.mse_loss(model(moves), left)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item()
    return total / len(loader)


for epoch in range(1, 13):
    seen = run(train, True)
    held = run(valid, False)
    if epoch % 2 == 0:
        print(f"epoch {epoch} loss {seen:.4f} validation {held:.4f}")
