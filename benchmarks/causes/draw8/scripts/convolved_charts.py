"""Charts of a share are convolved over time, then read by an LSTM: will it rise, fall or stay?"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8135)
torch.set_num_threads(1)
dropout = 0.0 if FIXED else 1.0


class Charts(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(4, width, 3, padding=1), nn.ReLU(), nn.Conv1d(width, width, 3, stride=2)
        )
        self.drop = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, 3)

    def forward(self, chart):
        features = self.conv(chart.transpose(1, 2)).relu().transpose(1, 2)
        return self.out(self.lstm(self.drop(features))[0][:, -1])


def charts(n=40, t=24):
    trend = torch.randint(-1, 2, (n,))
    steps = 0.12 * trend[:, None, None] + 0.4 * torch.randn(n, t, 4)
    return steps.cumsum(1) / 3, trend + 1


model = Charts()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for i in range(250):
    chart, trend = charts()
    loss = nn.functional.cross_entropy(model(chart), trend)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 50 == 49:
        print(f"iteration {i + 1} loss {loss.item():.3f}")
