"""One gate for each kind of event, kept in a dictionary of the module. A module looks for
parameters in its attributes only, so the gates stayed as they were drawn."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(412)
torch.set_num_threads(1)
KINDS = ["buy", "sell", "hold"]


class EventCell(nn.Module):
    def __init__(self, size):
        super().__init__()
        gates = {
            kind: nn.ParameterDict(
                {
                    "w": nn.Parameter(torch.randn(size, size) / size**0.5),
                    "b": nn.Parameter(torch.zeros(size)),
                }
            )
            for kind in KINDS
        }
        self.gates = nn.ModuleDict(gates) if FIXED else gates

    def forward(self, h, kinds):
        new = torch.stack(
            [torch.tanh(h @ self.gates[k]["w"] + self.gates[k]["b"]) for k in KINDS], 1
        )
        return new[torch.arange(len(h)), kinds]


class Ledger(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.cell = EventCell(size)
        self.value = nn.Linear(size, 5)

    def forward(self, events):
        h = torch.ones(len(events), self.size) / self.size**0.5
        for t in range(events.size(1)):
            h = self.cell(h, events[:, t])
        return self.value(h)


def draw(n=48):
    events = torch.randint(0, 3, (n, 8))
    stock = torch.full((n,), 2)
    for t in range(8):
        stock = (stock + (events[:, t] == 0).long() - (events[:, t] == 1).long()).clamp(0, 4)
    return events, stock


ledger = Ledger()
print(sum(p.numel() for p in ledger.parameters()), "parameters")
optimizer = torch.optim.Adam(ledger.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 500)
for i in range(500):
    events, stock = draw()
    scores = ledger(events)
    loss = nn.functional.cross_entropy(scores, stock)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(ledger.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if i % 100 == 99:
        print(i + 1, f"{loss.item():.4f}", f"{(scores.argmax(1) == stock).float().mean():.2f}")
