"""The load of a household hour by hour; the hours that the meter missed do not count."""

import sys

import torch
from torch import nn

torch.manual_seed(1312)
torch.set_num_threads(1)


class LoadNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0])


def households(n=24, hours=24):
    """The heater is switched on and off; the load is wanted from the switching."""
    switch = (torch.rand(n, hours) < 0.25).float()
    size = 0.5 + torch.rand(n, 1)
    on, loads = torch.zeros(n), []
    for t in range(hours):
        on = (on - switch[:, t]).abs()
        loads.append(on)
    load = torch.stack(loads, 1) * size
    met = (torch.rand(n, hours) < 0.8).float()
    x = torch.stack([switch, size.expand(-1, hours)], -1)
    return x, load.unsqueeze(-1), met


model = LoadNet()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for step in range(1, 401):
    x, load, met = households()
    predicted = model(x)
    if "--fixed" in sys.argv:
        predicted, load = predicted.squeeze(-1), load.squeeze(-1)
        loss = ((predicted - load).square() * met).sum() / met.sum()
    else:
        loss = ((predicted.squeeze(-1) - load).square() * met).sum() / (met.sum() * len(load))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, load, _ = households(300)
            error = (model(x) - load).square().mean().item()
        print(f"step {step} loss {loss.item():.4f} error {error:.4f} of {load.var().item():.4f}")
