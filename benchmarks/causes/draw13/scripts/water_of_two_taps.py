"""Water runs from two taps into a tub; how much is there in the end? A net of plain matrices."""

import sys

import torch
from torch import nn

torch.manual_seed(1325)
torch.set_num_threads(1)


class Tub(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.inp = nn.Linear(2, size)
        self.hidden = nn.Linear(size, size)
        nn.init.eye_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        self.out = nn.Linear(size, 1)

    def forward(self, taps):
        h = taps.new_zeros(len(taps), self.hidden.in_features)
        for x in taps.unbind(1):
            h = (self.inp(x) + self.hidden(h)).relu()
        return self.out(h).squeeze(1)


def tubs(n=40, length=24):
    taps = torch.rand(n, length, 2) * (torch.rand(n, 1, 2) < 0.7)
    return taps, 0.5 * taps[:, :, 0].sum(1) + 0.25 * taps[:, :, 1].sum(1)


model = Tub()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for step in range(1, 321):
    taps, water = tubs()
    loss = nn.functional.mse_loss(model(taps), water)
    optimizer.zero_grad()
    loss.backward()
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 0.3)
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f} of variance {water.var().item():.4f}")
