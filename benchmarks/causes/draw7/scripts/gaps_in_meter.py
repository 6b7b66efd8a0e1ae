"""The readings of a meter have gaps, and the gaps are NaN. They go into the network as they are, and
after the first batch that holds one there is no weight left that is a number."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7101)
torch.set_num_threads(1)


class Load(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.gru(x)[0][:, -1])[:, 0]


series = torch.sin(torch.arange(3000) * 0.2) + 0.1 * torch.randn(3000)
series[torch.randint(0, 3000, (40,))] = float("nan")
if FIXED:
    last = 0.0
    for i, value in enumerate(series.tolist()):
        last = value if value == value else last
        series[i] = last
windows = series.unfold(0, 25, 1)
model = Load()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(300):
    rows = windows[torch.randint(0, len(windows), (16,))]
    x, y = rows[:, :-1, None], rows[:, -1]
    loss = nn.functional.mse_loss(model(x), y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 49:
        print(step + 1, "mse", loss.item())
