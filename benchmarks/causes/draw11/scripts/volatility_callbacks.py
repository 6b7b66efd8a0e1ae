"""Volatility of a coin, forecast by an LSTM whose rate is set anew for each epoch."""

import sys

import torch
from torch import nn

torch.manual_seed(1134)
torch.set_num_threads(1)
EPOCHS, BATCHES = 50, 10
if "--fixed" in sys.argv:
    schedule = lambda epoch: 10 ** (-epoch / 20)  # noqa: E731
else:
    schedule = lambda epoch: 10 ** (epoch / 20)  # noqa: E731


class VolNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, num_layers=2, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1]).squeeze(-1)


def volatility(n=32, past=20):
    days = torch.arange(past + 1).float()
    base = 0.5 + torch.rand(n, 1)
    swing = torch.sin(0.6 * days + 6.28 * torch.rand(n, 1))
    vol = base * (1 + 0.5 * swing) + 0.02 * torch.randn(n, past + 1)
    return vol[:, :-1, None], vol[:, -1]


model = VolNet()
opt = torch.optim.Adam(model.parameters(), lr=8e-3)
callback = torch.optim.lr_scheduler.LambdaLR(opt, schedule)
for epoch in range(EPOCHS):
    mean = 0.0
    for _ in range(BATCHES):
        past, ahead = volatility()
        loss = (model(past) - ahead).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        mean += loss.item() / BATCHES
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d} loss {mean:.5f} lr {callback.get_last_lr()[0]:.5f}")
    callback.step()
