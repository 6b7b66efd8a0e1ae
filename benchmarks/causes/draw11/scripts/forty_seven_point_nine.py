"""A stacked LSTM reads spectra and says how many units a machine has left."""

import sys

import torch
from torch import nn

torch.manual_seed(1153)
torch.set_num_threads(1)

n = 1600
units = 20 + 56 * torch.rand(n)
bins = torch.arange(8).float()
moments = torch.arange(12).float()
peak = units[:, None, None] / 10 - 1 + 0.04 * moments[None, :, None]
ffts = torch.exp(-((bins - peak) ** 2)) + 0.1 * torch.randn(n, 12, 8)
if "--fixed" in sys.argv:
    units = (units - units.mean()) / units.std()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.LSTM(8, 32, batch_first=True)
        self.second = nn.LSTM(32, 16, batch_first=True)
        self.dense = nn.Linear(16, 1)

    def forward(self, x):
        x, _ = self.first(x)
        x, _ = self.second(x)
        return self.dense(x[:, -1]).squeeze(1)


model = Network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for i in range(1, 601):
    rows = torch.randint(0, n, (32,))
    predictions = model(ffts[rows])
    loss = nn.functional.mse_loss(predictions, units[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 0:
        share = loss.item() / units.var().item()
        said = predictions[:3].tolist()
        print(f"{i}: share of variance left {share:.3f}, predictions {said}")
