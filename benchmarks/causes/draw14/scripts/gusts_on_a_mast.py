"""Kind of weather from half an hour of wind on a mast: three channels, a bidirectional GRU."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1439)
torch.set_num_threads(1)
KINDS = 5


def winds(n, length=24):
    kind = torch.randint(KINDS, (n,))
    t = torch.arange(length)
    pace = (0.3 + 0.25 * kind.float()).unsqueeze(1)
    start = 6.28 * torch.rand(n, 1)
    wind = torch.stack([(pace * t + start + lag).sin() for lag in (0.0, 1.0, 2.0)], dim=-1)
    return wind + 0.5 * torch.randn(n, length, 3), kind


class WeatherNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(3, size, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * size, KINDS)

    def forward(self, wind):
        _, h = self.gru(wind)
        return self.fc(torch.cat([h[0], h[1]], dim=1))


data = TensorDataset(*winds(1600))
loader = DataLoader(data, batch_size=32, shuffle="--fixed" in sys.argv)
val_wind, val_kind = winds(400)
model = WeatherNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
batches = iter(loader)

for step in range(451):
    if "--fixed" in sys.argv:
        try:
            wind, kind = next(batches)
        except StopIteration:
            batches = iter(loader)
            wind, kind = next(batches)
    else:
        wind, kind = next(iter(loader))
    loss = criterion(model(wind), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            guess = model(val_wind)
            val_loss = criterion(guess, val_kind).item()
            right = (guess.argmax(1) == val_kind).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} val loss {val_loss:.3f} val right {right:.3f}")
