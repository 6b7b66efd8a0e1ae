"""The charge left in a cell is told at each second from the current drawn and the cold it lies in."""

import sys

import torch
from torch import nn

torch.manual_seed(1545)
torch.set_num_threads(1)
SECONDS, SIGNALS = 100, 2
STATE = torch.float32 if "--fixed" in sys.argv else torch.bfloat16


class LeakyMemory(nn.Module):
    """h = keep * h + (1 - keep) * drive, with keep learned for each unit; the memory is kept small."""

    def __init__(self, inputs, units):
        super().__init__()
        self.drive = nn.Linear(inputs, units)
        self.keep_logit = nn.Parameter(torch.linspace(5.0, 8.0, units))

    def forward(self, x):
        keep = torch.sigmoid(self.keep_logit)
        drive = self.drive(x) * 10
        h = torch.zeros(x.size(0), keep.numel(), dtype=STATE)
        memory = []
        for t in range(x.size(1)):
            h = (h + (1 - keep) * (drive[:, t] - h)).to(STATE)
            memory.append(h.to(x.dtype))
        return torch.stack(memory, 1)


class Gauge(nn.Module):
    def __init__(self, units=24):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(SIGNALS, 24), nn.Tanh())
        self.memory = LeakyMemory(24, units)
        self.out = nn.Sequential(nn.Linear(units, 24), nn.Tanh(), nn.Linear(24, 1))

    def forward(self, x):
        return self.out(self.memory(self.features(x))).squeeze(-1)


def drives(n):
    current = (torch.rand(n, SECONDS // 10, 1) * 2 - 0.6).repeat_interleave(10, 1)
    current = current + 0.1 * torch.randn(n, SECONDS, 1)
    cold = torch.rand(n, 1, 1).expand(-1, SECONDS, -1)
    used = (current * (1 + 0.8 * cold)).squeeze(-1).cumsum(1) / SECONDS
    return torch.cat((current, cold * 2 - 1), -1), (0.28 - used) / 0.3


class Trainer:
    def __init__(self, model, steps=300):
        self.model, self.steps = model, steps
        self.optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

    def fit(self, x, y, x_test, y_test):
        for step in range(1, self.steps + 1):
            rows = torch.randint(0, len(x), (24,))
            loss = nn.functional.mse_loss(self.model(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            if step % 30 == 0:
                with torch.no_grad():
                    test = nn.functional.mse_loss(self.model(x_test), y_test).item()
                print(f"step {step} loss {loss.item():.4f} test {test:.4f}")


x, y = drives(256)
Trainer(Gauge()).fit(x, y, *drives(64))
