"""The pressure in a bellows, followed from the strokes of its handle by a gated unit written out by hand."""

import resource
import sys

import torch
from torch import nn

torch.manual_seed(1723)
torch.set_num_threads(1)
STEPS = 24


def strokes(n):
    """Each stroke fills the bellows, which leaks the faster the fuller it is."""
    push = (torch.rand(n, STEPS) < 0.3).float() * (0.5 + torch.rand(n, STEPS))
    pressure, rows = torch.zeros(n), []
    for t in range(STEPS):
        pressure = pressure + push[:, t] - 0.1 * pressure - 0.05 * pressure**2
        rows.append(pressure)
    return push, torch.stack(rows, dim=1)


class GatedUnit(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.size = size
        self.gate = nn.Linear(1 + size, size)
        self.fill = nn.Linear(1 + size, size)
        self.gauge = nn.Linear(size, 1)

    def forward(self, push):
        h, rows = push.new_zeros(len(push), self.size), []
        for t in range(push.size(1)):
            seen = torch.cat([push[:, t : t + 1], h], dim=1)
            z = torch.sigmoid(self.gate(seen))
            h = z * h + (1 - z) * torch.tanh(self.fill(seen))
            rows.append(self.gauge(h))
        return torch.cat(rows, dim=1)


class StatisticsCollector:
    def __init__(self):
        self.kept = {"loss": [], "worst": []}

    def add(self, name, value):
        self.kept[name].append(value.item() if "--fixed" in sys.argv else value)

    def recent(self, name):
        last = self.kept[name][-50:]
        return float(sum(last) / len(last))


def main():
    model, collector = GatedUnit(), StatisticsCollector()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(1, 501):
        push, pressure = strokes(16)
        off = (model(push) - pressure) ** 2
        loss = off.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        collector.add("loss", loss)
        collector.add("worst", off.mean(dim=0).max())
        if step % 100 == 0:
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"step {step} loss {collector.recent('loss'):.4f} worst {collector.recent('worst'):.4f} memory {held} MB"
            )


if __name__ == "__main__":
    main()
