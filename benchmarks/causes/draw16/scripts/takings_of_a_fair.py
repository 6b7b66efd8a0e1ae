"""Takings of a fair on its next day, in pence, from two weeks of weather, weekday and price of entry."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(164812)
torch.set_num_threads(1)
DAYS = 14


def seasons(n):
    """Sun draws people, and so does the talk of a sunny week; a dear entry keeps some of them away."""
    sun = torch.rand(n, DAYS)
    weekday = (torch.arange(DAYS) + torch.randint(0, 7, (n, 1))) % 7
    weekend = (weekday >= 5).float()
    price = 2 * torch.rand(n, 1).expand(-1, DAYS) - 1
    talk = (sun * 0.8 ** torch.arange(DAYS - 1, -1, -1)).sum(dim=1)
    takings = 42000 + 9000 * (talk - 2.3) + 8000 * weekend[:, -1] - 6000 * price[:, 0]
    takings = takings + 900 * torch.randn(n)
    return torch.stack([2 * sun - 1, 2 * weekend - 1, price], dim=-1), takings


class FairNet(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.conv = nn.Conv1d(3, 16, 3, padding=1)
        self.lstm = nn.LSTM(16, hidden, batch_first=True)
        self.dense = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return self.dense(self.lstm(x)[0][:, -1]).squeeze(-1)


x_train, y_train = seasons(1600)
x_test, y_test = seasons(300)
shift, scale = 0.0, 1.0
if "--fixed" in sys.argv:
    shift, scale = y_train.mean(), y_train.std()
loader = DataLoader(TensorDataset(x_train, (y_train - shift) / scale), batch_size=32, shuffle=True)
model = FairNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
mae = nn.L1Loss()
for epoch in range(1, 8):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = mae(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    model.eval()
    with torch.no_grad():
        told = model(x_test) * scale + shift
    print(f"epoch {epoch} loss {total:.4f} test error in pence {mae(told, y_test).item():.0f}")
mean_error = (y_test - y_test.mean()).abs().mean().item()
print(f"error of always telling the mean: {mean_error:.0f}")
