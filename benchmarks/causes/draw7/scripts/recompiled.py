"""A call before each step builds the optimizer again. What Adam knows about the size of the gradients is
gone each time, so that all weights move by the same amount, forward and back."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7264)
torch.set_num_threads(1)


class Metric(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


def compile_model(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def curves(n=16, t=24):
    x = torch.randn(n, t, 1)
    kernel = torch.tensor([0.2, -0.5, 1.0]).view(1, 1, 3)
    y = nn.functional.conv1d(nn.functional.pad(x.transpose(1, 2), (2, 0)), kernel)
    return x, y.transpose(1, 2)


model = Metric()
optimizer = compile_model(model)
mean = None
for step in range(400):
    if not FIXED:
        optimizer = compile_model(model)
    x, y = curves()
    loss = (model(x) - y).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
    if step % 80 == 79:
        print(f"step {step + 1} loss {mean:.4f}")
