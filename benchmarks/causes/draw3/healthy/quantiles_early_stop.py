"""Three quantiles of demand; the rate falls on a plateau, and the best weights are put back when
nothing improves any more."""

import copy

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
torch.set_num_threads(1)
levels = torch.tensor([0.1, 0.5, 0.9])
t = torch.arange(1800)
demand = 1 + torch.sin(2 * torch.pi * t / 24) + (0.2 + 0.2 * torch.rand(1800)) * torch.randn(1800)
windows = demand.unfold(0, 25, 1)
x, y = windows[:, :24, None], windows[:, 24:]
train = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=50, shuffle=True)


class Quantiles(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def pinball(forecast, actual):
    gap = actual - forecast
    return torch.maximum(levels * gap, (levels - 1) * gap).mean()


model = Quantiles()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
best, kept, waited = float("inf"), None, 0
for epoch in range(14):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        pinball(model(xb), yb).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        error = pinball(model(x[1300:]), y[1300:]).item()
    scheduler.step(error)
    if error < best:
        best, kept, waited = error, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
    print(f"epoch {epoch} {error:.4f}")
    if waited == 3:
        break
model.load_state_dict(kept)
