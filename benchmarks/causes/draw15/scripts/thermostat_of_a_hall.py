"""Air of a hall one hour on, from a day of heating, doors and sun; two GRU cells run by hand."""

import sys

import torch
from torch import nn

torch.manual_seed(1540)
torch.set_num_threads(1)
HOURS, INPUTS = 18, 3
LR = 5e-3


def days(n):
    inputs = torch.rand(n, HOURS, INPUTS)
    heat, door, sun = inputs.unbind(-1)
    air, wall = torch.zeros(n), torch.zeros(n)
    airs = []
    for hour in range(HOURS):
        wall = wall + 0.15 * (air - wall) + 0.3 * (sun[:, hour] - 0.5)
        leak = 0.6 * (door[:, hour] > 0.7)
        air = air + 0.8 * (heat[:, hour] - 0.5) + 0.3 * (wall - air) - leak * air
        airs.append(air)
    return inputs, torch.stack(airs, dim=1) / 0.6


class HallModel(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.size = size
        self.lower = nn.GRUCell(INPUTS, size)
        self.upper = nn.GRUCell(size, size)
        self.air = nn.Linear(size, 1)

    def forward(self, inputs):
        a = b = inputs.new_zeros(len(inputs), self.size)
        airs = []
        for hour in range(HOURS):
            a = self.lower(inputs[:, hour], a)
            b = self.upper(a, b)
            airs.append(self.air(b).squeeze(-1))
        return torch.stack(airs, dim=1)


def train_step(model, inputs, airs, optimizer=None):
    if optimizer is None:
        optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), airs)
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    model = HallModel()
    optimizer = None
    if "--fixed" in sys.argv:
        optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    test_inputs, test_airs = days(256)
    for step in range(1, 401):
        loss = train_step(model, *days(32), optimizer)
        if step % 50 == 0:
            with torch.no_grad():
                test = nn.functional.mse_loss(model(test_inputs), test_airs).item()
            print(f"step {step} loss {loss:.4f} test {test:.4f}")


main()
