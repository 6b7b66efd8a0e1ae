"""Which string was struck last? A strum is read from both sides; early strings matter least."""

import sys

import torch
from torch import nn

torch.manual_seed(1316)
torch.set_num_threads(1)
STRINGS = 6


class StrumNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.rnn = nn.GRU(STRINGS, size, batch_first=True, bidirectional=True)
        self.first = nn.Linear(size, STRINGS)
        self.last = nn.Linear(size, STRINGS)

    def forward(self, strum):
        out, _ = self.rnn(strum)
        forward = out[:, -1, : self.size]
        at = 0 if "--fixed" in sys.argv else -1
        backward = out[:, at, self.size :]
        return self.last(forward), self.first(backward)


def strums(n, length=14):
    """One stroke early, one late; the strings sound with noise all the time."""
    first, last = torch.randint(0, STRINGS, (2, n))
    sound = 0.3 * torch.randn(n, length, STRINGS)
    rows = torch.arange(n)
    sound[rows, torch.randint(0, 4, (n,)), first] += 2.0
    sound[rows, torch.randint(9, 13, (n,)), last] += 2.0
    return sound, first, last


model = StrumNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    strum, first, last = strums(40)
    to_last, to_first = model(strum)
    loss = nn.functional.cross_entropy(to_last, last)
    loss = loss + nn.functional.cross_entropy(to_first, first)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            strum, first, last = strums(400)
            to_last, to_first = model(strum)
            right_last = (to_last.argmax(1) == last).float().mean().item()
            right_first = (to_first.argmax(1) == first).float().mean().item()
        print(f"step {step} loss {loss:.4f} last {right_last:.3f} first {right_first:.3f}")
