"""From a day's counts at eight doors: how many people will come to the hall tomorrow?"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1248)
torch.set_num_threads(1)
DOORS, HOURS = 8, 20


def days(n):
    """The trend at the doors and the share of the last hours tell tomorrow's crowd."""
    crowd = torch.rand(n, 1, 1) * 2 - 1
    trend = torch.rand(n, 1, 1) * 2 - 1
    hour = torch.linspace(-1, 1, HOURS)[None, :, None]
    counts = crowd + trend * hour + 0.3 * torch.randn(n, HOURS, DOORS)
    return counts, 24000 + 9000 * (0.6 * crowd + 0.8 * trend).reshape(n)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(DOORS, 48, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.dense = nn.Linear(48, 1)

    def forward(self, counts):
        last = self.lstm(counts)[0][:, -1]
        return self.dense(self.dropout(last)).squeeze(-1)


x_train, y_train = days(1200)
x_val, y_val = days(300)
shift, scale = 0.0, 1.0
if "--fixed" in sys.argv:
    shift, scale = y_train.mean(), y_train.std()
loader = DataLoader(TensorDataset(x_train, (y_train - shift) / scale), batch_size=32, shuffle=True)
model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 17):
    model.train()
    running = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.l1_loss(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(loader)
    model.eval()
    with torch.no_grad():
        people = model(x_val) * scale + shift
    off = (people - y_val).abs().mean().item()
    if epoch % 2 == 0:
        print(
            f"epoch {epoch:2d} loss {running:.3f} off by {off:.0f} people, says {people[:3].tolist()}"
        )
