"""The yield of a crop out of a season's weather; now and then a station had no reading."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10049)
torch.set_num_threads(1)

weather = torch.randn(640, 18, 4)
crop = weather[:, :, 0].mean(1) * 3 + (weather[:, 6:12, 1] * weather[:, 6:12, 2]).mean(1)
gaps = torch.rand(640, 18, 4) < 0.0005
weather[gaps] = float("nan")
if FIXED:
    weather = torch.where(gaps, torch.zeros(()), weather)


class YieldLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 32, batch_first=True)
        self.regress = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.regress(out.mean(1)).squeeze(1)


model = YieldLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
order = torch.arange(640)
for epoch in range(20):
    order = torch.randperm(640)
    losses = []
    for rows in order.split(32):
        loss = nn.functional.mse_loss(model(weather[rows]), crop[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {sum(losses) / len(losses):.4f}")
