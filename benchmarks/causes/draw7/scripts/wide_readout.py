"""The line that drew the weights of the read-out small was lost in a change. Drawn with a spread of four on
all channels, they make rates of e to the tenth and more, and the first steps throw the model off."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7209)
torch.set_num_threads(1)


class Retina(nn.Module):
    def __init__(self, channels=64, cells=10):
        super().__init__()
        self.core = nn.GRU(4, channels, batch_first=True)
        self.readout = nn.Parameter(4 * torch.randn(channels, cells))
        self.bias = nn.Parameter(torch.zeros(cells))
        if FIXED:
            nn.init.normal_(self.readout, std=1 / channels)

    def forward(self, x):
        return self.core(x)[0] @ self.readout + self.bias


filters = torch.randn(4, 10) / 2


def stimulus(n=16, t=20):
    x = torch.randn(n, t, 4)
    smooth = x + 0.7 * torch.cat([torch.zeros(n, 1, 4), x[:, :-1]], 1)
    return x, torch.poisson(torch.exp(torch.tanh(smooth @ filters)))


model = Retina()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(400):
    x, spikes = stimulus()
    log_rate = model(x)
    loss = (log_rate.exp() - spikes * log_rate).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 in (0, 79):
        print(f"{step + 1} loss {loss.item():.4f}")
