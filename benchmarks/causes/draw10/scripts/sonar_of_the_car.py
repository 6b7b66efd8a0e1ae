"""A little car chooses left, straight or right from the sonar readings of its last moments."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10048)
torch.set_num_threads(1)


class Driver(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 32, batch_first=True)
        self.action = nn.Linear(32, 3)

    def forward(self, readings):
        return self.action(self.rnn(readings)[0][:, -1])


def drives(n=32, moments=8):
    millimetres = 3000 + 300 * torch.randn(n, 1, 3)
    millimetres = millimetres + 120 * torch.randn(n, moments, 3).cumsum(1)
    millimetres = millimetres.clamp(0, 5000)
    speed = millimetres[:, -1] - millimetres[:, 0]
    return millimetres, (millimetres[:, -1] + speed).argmax(1)


model = Driver()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for frame in range(600):
    readings, best = drives()
    if FIXED:
        readings = (readings - 3000) / 400
    loss = nn.functional.cross_entropy(model(readings), best)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if frame % 100 == 99:
        print(f"frame {frame + 1} loss {loss.item():.4f}")
