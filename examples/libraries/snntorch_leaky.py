"""snntorch: leaky neurons between linear layers, their membranes handed on by the script."""

import snntorch
import torch
from _digest import digest
from _first import data
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

ITERATIONS = [8]
LAYERS = 3


class Net(nn.Module):
    """Two layers of neurons."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(1, 8), nn.Linear(8, 2)
        self.leak, self.recurrent = snntorch.Leaky(0.9), snntorch.RLeaky(0.9, linear_features=2)

    def forward(self, x):
        """``(B, T, 1)`` to the mean membrane ``(B, 2)``."""
        membrane = self.leak.init_leaky()
        spikes, last = self.recurrent.init_rleaky()
        seen = []
        for step in x.unbind(1):
            fired, membrane = self.leak(self.first(step), membrane)
            spikes, last = self.recurrent(self.second(fired), spikes, last)
            seen.append(last)
        return torch.stack(seen).mean(0)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        for x, y in DataLoader(data(), 16):
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print(losses, digest(model))
