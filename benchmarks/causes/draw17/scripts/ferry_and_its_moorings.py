"""Ferries drift from their moorings; where is each one by its felt pushes? A trip may end at any time."""

import sys

import torch
from torch import nn

torch.manual_seed(1720)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
BOATS, WINDOW = 32, 16


class Harbour:
    """Boats side by side; one whose trip is over starts anew at its mooring."""

    def __init__(self, boats):
        self.place = torch.zeros(boats, 2)
        self.begins = torch.ones(boats, dtype=torch.bool)

    def step(self):
        self.place = torch.where(self.begins.unsqueeze(1), 0.0, self.place)
        begins = self.begins
        push = 0.3 * torch.randn_like(self.place)
        self.place = 0.95 * self.place + push
        self.begins = torch.rand(len(push)) < 0.08
        return push, self.place, begins


class Navigator(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.cell = nn.GRUCell(2, size)
        self.place = nn.Linear(size, 2)

    def forward(self, push, hidden):
        hidden = self.cell(push, hidden)
        return self.place(hidden), hidden


def roll(model, harbour, hidden, steps):
    errors = []
    for _ in range(steps):
        push, place, begins = harbour.step()
        if FIXED:
            hidden = hidden * (~begins).float().unsqueeze(1)
        guess, hidden = model(push, hidden)
        errors.append((guess - place).pow(2).mean())
    return torch.stack(errors).mean(), hidden


model = Navigator()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
harbour, hidden = Harbour(BOATS), torch.zeros(BOATS, model.size)
for window in range(1, 401):
    hidden = hidden.detach()
    loss, hidden = roll(model, harbour, hidden, WINDOW)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if window % 40 == 0:
        with torch.no_grad():
            error, _ = roll(model, Harbour(200), torch.zeros(200, model.size), 60)
        print(f"window {window} loss {loss.item():.4f} other boats {error.item():.4f}")
