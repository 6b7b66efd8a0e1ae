"""Where will a swinging censer be at the next tick? Each swings with its own beat, and dies away."""

import sys

import torch
from torch import nn

torch.manual_seed(1752)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
LENGTH = 30


def swings(n):
    tick = torch.arange(LENGTH + 1).float()
    beat, phase = 0.4 + 0.6 * torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    size = 0.8 + 0.6 * torch.rand(n, 1)
    path = size * torch.exp(-0.02 * tick) * torch.sin(beat * tick + phase)
    path = (path + 0.02 * torch.randn_like(path)).unsqueeze(2)
    return path[:, :-1], path[:, 1:]


class Lstm(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.linear = nn.Linear(size, 1)

    def forward(self, x):
        return self.linear(self.lstm(x)[0])


LR = 5e-3 if FIXED else 3e-6
net = Lstm()
optimizer = torch.optim.Adam(net.parameters(), lr=LR)
loss_func = nn.MSELoss()
for step in range(1, 401):
    x, y = swings(32)
    loss = loss_func(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            x, y = swings(200)
            guess = net(x)
        off, spread = (guess - y).abs().mean().item(), guess.std().item()
        print(f"step {step} loss {loss.item():.4f} off by {off:.4f} spread of guesses {spread:.4f}")
