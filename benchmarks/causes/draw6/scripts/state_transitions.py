"""A battery's readings go into a network that is to learn its state: volts, milliamperes and degrees
in Kelvin, side by side, as the sensors give them."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6143)
torch.set_num_threads(1)


def discharge(n=24, t=24):
    current = 900 + 500 * torch.randn(n, t).cumsum(1) / 5
    used = (current / 1000).cumsum(1) / t
    volts = 4.1 - 0.7 * used + 0.02 * torch.randn(n, t)
    kelvin = 296 + 6 * used + 0.5 * torch.randn(n, t)
    return torch.stack([current, volts, kelvin], -1), used


class Normalize(nn.Module):
    def __init__(self, sample):
        super().__init__()
        flat = sample.flatten(0, 1)
        self.register_buffer("mean", flat.mean(0))
        self.register_buffer("std", flat.std(0))

    def forward(self, x):
        return (x - self.mean) / self.std


class LSTMStateTransition(nn.Module):
    def __init__(self, n_inputs=3, units=24, normalize=None):
        super().__init__()
        self.normalize = normalize
        self.lstm = nn.LSTM(n_inputs, units, batch_first=True)
        self.output = nn.Linear(units, 1)

    @classmethod
    def from_data(cls, runs):
        return cls(normalize=Normalize(runs) if FIXED else None)

    def forward(self, inputs):
        if self.normalize is not None:
            inputs = self.normalize(inputs)
        return self.output(self.lstm(inputs)[0])[..., 0]


model = LSTMStateTransition.from_data(discharge(200)[0])
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
for step in range(1, 351):
    inputs, used = discharge()
    loss = nn.functional.mse_loss(model(inputs), used)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 70 == 0:
        print(f"step {step}: mse {loss.item():.5f} (variance {used.var().item():.4f})")
