"""A vat's litres are followed second by second from its three valves, starting from the level on the glass."""

import sys

import torch
from torch import nn

torch.manual_seed(1545)
torch.set_num_threads(1)
SECONDS, VALVES = 60, 3
STATE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16


class VatCell(nn.Module):
    """The valves' lag is kept in hidden, the litres in volume; the flow is what hidden says."""

    def __init__(self, size=16):
        super().__init__()
        self.size = size
        self.gru = nn.GRUCell(VALVES, size)
        self.flow = nn.Linear(size, 1)

    def start(self, litres):
        return torch.zeros(len(litres), self.size, dtype=STATE), litres.to(STATE)

    def forward(self, valves, state):
        hidden, volume = state
        hidden = self.gru(valves, hidden.float())
        volume = volume.float() + self.flow(hidden).squeeze(-1)
        return hidden.to(STATE), volume.to(STATE)


class Follower(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = VatCell()

    def forward(self, valves, litres):
        state, volumes = self.cell.start(litres), []
        for now in valves.unbind(1):
            state = self.cell(now, state)
            volumes.append(state[1].float())
        return torch.stack(volumes, 1)


def vats(n):
    """Two valves fill, one empties; each opens and shuts slowly."""
    wanted = torch.rand(n, SECONDS // 10, VALVES).round().repeat_interleave(10, 1)
    litres = 600 + 300 * torch.rand(n)
    opened, volume, volumes = torch.zeros(n, VALVES), litres, []
    for t in range(SECONDS):
        opened = opened + (wanted[:, t] - opened) / 4
        volume = volume + opened @ torch.tensor([0.5, 0.3, -0.9])
        volumes.append(volume)
    return wanted * 2 - 1, litres, torch.stack(volumes, 1)


def error(model, valves, litres, volumes):
    """In tens of litres, squared."""
    return ((model(valves, litres) - volumes) / 10).pow(2).mean()


valves, litres, volumes = vats(512)
held_out = vats(100)
still = ((held_out[1].unsqueeze(1) - held_out[2]) / 10).pow(2).mean().item()
model = Follower()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 301):
    rows = torch.randint(0, len(litres), (32,))
    loss = error(model, valves[rows], litres[rows], volumes[rows])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            test = error(model, *held_out).item()
        print(f"step {step} loss {loss.item():.4f} test {test:.4f} if nothing flowed {still:.4f}")
