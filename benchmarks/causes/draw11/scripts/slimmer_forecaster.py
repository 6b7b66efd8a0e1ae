"""A forecaster of three temperatures is slimmed after a first training, and trained on."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1103)
torch.set_num_threads(1)


class Forecaster(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.rnn = nn.LSTM(3, 32, batch_first=True)
        self.head = nn.Sequential(nn.Linear(32, wide), nn.Tanh(), nn.Linear(wide, 3))

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])


def weather(n=32, t=16):
    when = torch.arange(t + 1) * 0.4 + 6.28 * torch.rand(n, 1)
    swing = 0.5 + torch.rand(n, 1)
    places = torch.stack(
        [2 + swing * when.sin(), 3 + swing * when.cos(), 2 * swing * (when + 1).sin()], -1
    )
    return places[:, :-1], places[:, -1]


def train(model, optimizer, steps):
    for step in range(1, steps + 1):
        x, y = weather()
        optimizer.zero_grad()
        loss = nn.functional.smooth_l1_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 75 == 0:
            print(f"step {step} loss {loss.item():.5f}")


model = Forecaster(wide=64)
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
train(model, optimizer, 75)

print("now with a slim head")
model.head = nn.Sequential(nn.Linear(32, 6), nn.Tanh(), nn.Linear(6, 3))
if FIXED:
    optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
train(model, optimizer, 600)
