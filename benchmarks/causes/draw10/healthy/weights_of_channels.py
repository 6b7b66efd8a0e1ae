"""Four channels are forecast; a weight for each channel and one for each step ahead are spread out."""

import torch
from torch import nn

torch.manual_seed(208)
torch.set_num_threads(1)
CHANNELS, PAST, AHEAD = 4, 16, 5
of_channel = torch.tensor([1.0, 0.5, 2.0, 1.0])
of_step = torch.linspace(1.0, 0.6, AHEAD)[:, None]


class Forecaster(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.rnn = nn.LSTM(CHANNELS, width, batch_first=True)
        self.out = nn.Linear(width, AHEAD * CHANNELS)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1]).view(-1, AHEAD, CHANNELS)


def series(n=32):
    rate = torch.tensor([0.3, 0.45, 0.6, 0.2])
    clock = torch.arange(PAST + AHEAD)[:, None]
    y = torch.sin(rate * clock + 6.28 * torch.rand(n, 1, CHANNELS))
    known = (torch.rand(n, AHEAD, 1) < 0.8).float()
    return y[:, :PAST], y[:, PAST:], known


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(500):
    past, future, known = series()
    wrong = (model(past) - future) ** 2
    weight = of_channel * of_step * known
    loss = (wrong * weight).sum() / weight.sum()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        print(f"{step + 1}: {loss.item():.4f}")
