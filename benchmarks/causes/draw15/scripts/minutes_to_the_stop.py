"""A campus bus reports easting and northing in metres and its speed; tell the minutes left to its stop."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1547)
torch.set_num_threads(1)
REPORTS, STOP = 16, torch.tensor([451_200.0, 5_411_900.0])


class Trips(Dataset):
    """Buses near the stop's grid square, each on a straight street, some of them slowing down."""

    def __init__(self, n, stats=None):
        start = STOP + (torch.rand(n, 1, 2) * 2 - 1) * 1500
        speed = 4 + 8 * torch.rand(n, 1, 1)
        slow = 1 - 0.5 * torch.rand(n, 1, 1) * torch.linspace(0, 1, REPORTS).view(1, -1, 1)
        way = (STOP - start) / (STOP - start).norm(dim=-1, keepdim=True)
        run = (speed * slow * 3).cumsum(1)
        place = start + way * run + 5 * torch.randn(n, REPORTS, 2)
        now = speed * slow + 0.3 * torch.randn(n, REPORTS, 1)
        self.x = torch.cat((place, now), -1)
        left = ((STOP - start).norm(dim=-1) - run[:, -1].squeeze(-1).unsqueeze(1)).squeeze(1).abs()
        self.y = left / (speed * slow)[:, -1, 0] / 60
        self.stats = stats or (self.x.mean((0, 1)), self.x.std((0, 1)))
        if "--fixed" in sys.argv:
            self.x = (self.x - self.stats[0]) / self.stats[1]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Arrival(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size, batch_first=True)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        _, (hidden, _) = self.lstm(x)
        return self.out(hidden[-1]).squeeze(-1)


train = Trips(1600)
test = Trips(400, train.stats)
loader = DataLoader(train, batch_size=32, shuffle=True)
model = Arrival()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
print(f"spread of the minutes {test.y.var().item():.3f}")
for epoch in range(1, 13):
    losses = []
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        error = nn.functional.mse_loss(model(test.x), test.y).item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} test {error:.4f}")
