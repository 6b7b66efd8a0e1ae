"""The next value of two summed sines is told from those before, by two cells run in a loop."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1551)
torch.set_num_threads(1)
LENGTH, HIDDEN = 40, 40


def waves(n):
    t = torch.arange(LENGTH + 1).float()
    first = torch.rand(n, 1) * 0.2 + 0.25
    second = torch.rand(n, 1) * 0.3 + 0.7
    phase = torch.rand(n, 2, 1) * 2 * math.pi
    wave = torch.sin(first * t + phase[:, 0]) + 0.6 * torch.sin(second * t + phase[:, 1])
    return wave[:, :-1], wave[:, 1:]


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, HIDDEN)
        self.lstm2 = nn.LSTMCell(HIDDEN, HIDDEN)
        self.linear = nn.Linear(HIDDEN, 1)

    def forward(self, wave):
        h1, c1, h2, c2 = (torch.zeros(wave.size(0), HIDDEN) for _ in range(4))
        outputs = []
        for value in wave.split(1, dim=1):
            h1, c1 = self.lstm1(value, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            outputs.append(self.linear(h2))
        return torch.cat(outputs, dim=1)


model = Sequence()
criterion = nn.MSELoss()
learning_rate = 3e-3 if "--fixed" in sys.argv else 0.8
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
test_in, test_out = waves(100)
for i in range(1, 301):
    given, following = waves(32)
    loss = criterion(model(given), following)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 30 == 0:
        with torch.no_grad():
            test = criterion(model(test_in), test_out).item()
        print(f"step {i} loss {loss.item():.4f} test {test:.4f}")
