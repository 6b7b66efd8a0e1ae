"""Flow of a spring on the next day from twenty days of rain; the rate is warmed up by epochs."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1533)
torch.set_num_threads(1)
DAYS = 20


def springs(n):
    rain = torch.relu(torch.randn(n, DAYS, 1)) * 1.5
    store, flow = torch.zeros(n, 1), torch.zeros(n, 1)
    for day in range(DAYS):
        store = 0.85 * store + rain[:, day]
        flow = 0.6 * flow + 0.1 * store
    return rain, flow


class SpringNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.flow = nn.Linear(size, 1)

    def forward(self, rain):
        return self.flow(self.lstm(rain)[0][:, -1])


rain, flow = springs(640)
mean, std = flow.mean(), flow.std()
train_loader = DataLoader(TensorDataset(rain, (flow - mean) / std), batch_size=32, shuffle=True)
valid_rain, valid_flow = springs(256)
valid_flow = (valid_flow - mean) / std

model = SpringNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def warm_up(epoch):
    return min(3.0, 1.0 + epoch / 2)


if "--fixed" in sys.argv:
    scheduler = LambdaLR(optimizer, warm_up)
else:
    scheduler = MultiplicativeLR(optimizer, warm_up)

for epoch in range(20):
    model.train()
    total = 0.0
    for rain, flow in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(rain), flow)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        valid = nn.functional.mse_loss(model(valid_rain), valid_flow).item()
    print(f"epoch {epoch} train mse {total / len(train_loader):.4g} valid mse {valid:.4g}")
