"""Ten years of an index: a GRU forecasts the next day from the last twenty."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8142)
torch.set_num_threads(1)

change = [0.0]
for shock in torch.randn(2000):
    change.append(0.75 * change[-1] + 0.66 * float(shock))
change = torch.tensor(change)
index = 50 + change.cumsum(0)
if FIXED:
    series = change
else:
    series = (index - index.mean()) / index.std()


class Forecaster(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)
        self.next = nn.Linear(width, 1)

    def forward(self, window):
        return self.next(self.gru(window[..., None])[0][:, -1])[:, 0]


windows, target = series[:-1].unfold(0, 20, 1), series[20:]
model = Forecaster()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(330):
    rows = torch.randint(0, len(target), (48,))
    loss = (model(windows[rows]) - target[rows]).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 66 == 65:
        print(f"{step + 1} loss {loss.item():.4f}")
with torch.no_grad():
    said = model(windows)
    if not FIXED:
        said = (said - windows[:, -1]) * index.std()
    error = (said - change[20:]).pow(2).mean() / change.var()
print(f"of the change left unexplained: {error:.2f}")
