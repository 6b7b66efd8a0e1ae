"""Gauges along a river: which of four weathers has there been? The layer wants time first."""

import sys

import torch
from torch import nn

torch.manual_seed(1314)
torch.set_num_threads(1)


def gauges(n, hours=18):
    weather = torch.randint(0, 4, (n,))
    hour = torch.arange(hours) / hours
    rise = (weather % 2).unsqueeze(1) * hour
    wave = (weather // 2).unsqueeze(1) * (hour * 12).sin()
    flow = torch.stack([rise + 0.4 * wave, wave - 0.4 * rise], -1)
    return flow + 0.3 * torch.randn(n, hours, 2), weather


class RiverNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size)
        self.head = nn.Linear(size, 4)

    def forward(self, flow):
        batch, hours, features = flow.shape
        if "--fixed" in sys.argv:
            sequence = flow.transpose(0, 1)
        else:
            sequence = flow.view(hours, batch, features)
        out, _ = self.gru(sequence)
        return self.head(out[-1])


model = RiverNet()
optimizer = torch.optim.NAdam(model.parameters(), lr=3e-3)
for step in range(1, 351):
    flow, weather = gauges(40)
    loss = nn.functional.cross_entropy(model(flow), weather)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            flow, weather = gauges(400)
            right = (model(flow).argmax(1) == weather).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
