"""A coastline of 16 points is squeezed into six numbers and drawn again from them."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1701)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
POINTS = 16


def coasts(n):
    t = torch.linspace(0, 2 * math.pi, POINTS)
    heights = torch.rand(n, 3, 1) * torch.tensor([1.0, 0.7, 0.4]).view(1, 3, 1)
    phases = 2 * math.pi * torch.rand(n, 3, 1)
    waves = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)
    line = (heights * torch.sin(waves * t + phases)).sum(1)
    return line.unsqueeze(2)


class Encoder(nn.Module):
    def __init__(self, hidden=48, note=6):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True, bidirectional=True)
        self.to_note = nn.Linear(2 * hidden, note)

    def forward(self, line):
        _, last = self.gru(line)
        return self.to_note(torch.cat([last[0], last[1]], dim=1))


class Decoder(nn.Module):
    def __init__(self, hidden=48, note=6):
        super().__init__()
        self.start = nn.Linear(note, hidden)
        self.cell = nn.GRUCell(note, hidden)
        self.draw = nn.Linear(hidden, 1)

    def forward(self, note):
        state = torch.tanh(self.start(note))
        points = []
        for _ in range(POINTS):
            state = self.cell(note, state)
            points.append(self.draw(state))
        return torch.stack(points, dim=1)


class CoastModel(nn.Module):
    def __init__(self, lr=4e-3):
        super().__init__()
        self.lr = lr
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, line):
        return self.decoder(self.encoder(line))

    def make_optimizer(self):
        params = self.parameters() if FIXED else self.encoder.parameters()
        return torch.optim.Adam(params, lr=self.lr)


model = CoastModel()
optimizer = model.make_optimizer()
held_out = coasts(200)
for step in range(1, 421):
    line = coasts(48)
    loss = nn.functional.mse_loss(model(line), line)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 42 == 0:
        with torch.no_grad():
            off = nn.functional.mse_loss(model(held_out), held_out) / held_out.var()
        print(f"step {step} loss {loss.item():.4f} share left unexplained {off.item():.3f}")
