"""The layer keeps its state between calls, and keeps it whole: the second backward pass meets the
history of the first and ends in an error. (Broken, this script stops with a traceback.)"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5125)
torch.set_num_threads(1)


class StatefulLayer(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.cell = nn.LSTMCell(n_in, n_out)
        self.state = None

    def forward(self, x):
        if self.state is not None and FIXED:
            self.state = tuple(s.detach() for s in self.state)
        outputs = []
        for step in x:
            self.state = self.cell(step, self.state)
            outputs.append(self.state[0])
        return torch.stack(outputs)


def stream(batches, n=16, t=8):
    """One long signal in 16 channels, cut into windows that follow on."""
    clock = torch.arange(batches * t + 1.0)
    speed = torch.linspace(0.2, 0.9, n)
    signal = torch.sin(clock[:, None] * speed)[..., None]
    for k in range(batches):
        window = signal[k * t : (k + 1) * t + 1]
        yield window[:-1], window[1:]


layer, readout = StatefulLayer(1, 24), nn.Linear(24, 1)
optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=5e-3)
for k, (x, y) in enumerate(stream(400)):
    loss = (readout(layer(x)) - y).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if k % 80 == 79:
        print(k + 1, loss.item())
