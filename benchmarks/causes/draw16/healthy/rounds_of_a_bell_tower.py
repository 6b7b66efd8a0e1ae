"""Rounds rung in a bell tower: told the method, a decoder rings on, more and more by what it has rung itself."""

import torch
from torch import nn

torch.manual_seed(16104)
torch.set_num_threads(1)
BELLS, STROKES, START = 6, 8, 6


def methods(n):
    """A method is a first bell and a stride; the bell at each stroke is that of the last and the stride."""
    first, stride = torch.randint(0, BELLS, (n,)), torch.randint(1, BELLS, (n,))
    strokes = (first.unsqueeze(1) + stride.unsqueeze(1) * torch.arange(STROKES)) % BELLS
    return first, stride, strokes


class Ringer(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.first = nn.Embedding(BELLS, size // 2)
        self.stride = nn.Embedding(BELLS, size // 2)
        self.bell = nn.Embedding(BELLS + 1, 16)
        self.cell = nn.GRUCell(16, size)
        self.out = nn.Linear(size, BELLS)

    def forward(self, first, stride, strokes=None, told=0.0):
        h = torch.tanh(torch.cat([self.first(first), self.stride(stride)], dim=1))
        before, logits = torch.full_like(first, START), []
        for t in range(STROKES):
            h = self.cell(self.bell(before), h)
            logits.append(self.out(h))
            before = logits[-1].argmax(1)
            if strokes is not None:
                truth = torch.rand(len(first)) < told
                before = torch.where(truth, strokes[:, t], before)
        return torch.stack(logits, dim=1)


model = Ringer()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
STEPS = 360
for step in range(1, STEPS + 1):
    told = max(0.2, 1.0 - step / STEPS)
    first, stride, strokes = methods(32)
    logits = model(first, stride, strokes, told)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), strokes.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        first, stride, strokes = methods(200)
        with torch.no_grad():
            rung = model(first, stride).argmax(2)
        right = (rung == strokes).all(1).float().mean().item()
        print(f"step {step} told {told:.2f} loss {loss.item():.4f} whole rounds right {right:.3f}")
