"""A series with a long and a short season is foretold a step ahead from what came before."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1254)
torch.set_num_threads(1)
timesteps = 20 if "--fixed" in sys.argv else 1

t = torch.arange(0, 1600.0)
series = torch.sin(t / 10) + torch.sin(t) + 0.1 * torch.randn(len(t))


def frame(part):
    windows = part.unfold(0, timesteps + 1, 1)
    return TensorDataset(windows[:, :-1].unsqueeze(-1), windows[:, -1:])


class Forecaster(nn.Module):
    def __init__(self, units=32):
        super().__init__()
        self.lstm = nn.LSTM(1, units, num_layers=2, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


train = DataLoader(frame(series[:1000]), batch_size=50, shuffle=True)
x_val, y_val = frame(series[1000:]).tensors
model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 31):
    total = 0.0
    for x, y in train:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        said = model(x_val)
    val = (said - y_val).square().mean().item()
    same = (x_val[:, -1] - y_val).square().mean().item()
    if epoch % 3 == 0:
        print(f"epoch {epoch:2d} loss {total:.4f} val {val:.4f} (as before: {same:.4f})")
