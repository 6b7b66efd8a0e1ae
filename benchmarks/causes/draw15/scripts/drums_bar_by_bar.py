"""Drum patterns as letters of sixteen strokes a bar; a two-layer LSTM learns to go on with them."""

import sys

import torch
from torch import nn

torch.manual_seed(1512)
torch.set_num_threads(1)
STROKES, BAR, BARS = 8, 16, 2
GROOVES = torch.randint(0, STROKES, (10, BAR))


def pieces(n):
    """A groove and, without end, the same groove again."""
    return GROOVES[torch.randint(0, len(GROOVES), (n,))].repeat(1, BARS)


class Drummer(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(STROKES, 24)
        self.lstm = nn.LSTM(24, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, STROKES)

    def forward(self, strokes):
        return self.out(self.lstm(self.embed(strokes))[0])


def main():
    drummer = Drummer()
    params = drummer.parameters()
    if "--fixed" in sys.argv:
        params = list(params)
    optimizer = torch.optim.SGD(params, lr=0.3, momentum=0.9)
    for step in range(1, 401):
        piece = pieces(24)
        scores = drummer(piece[:, :-1])
        loss = nn.functional.cross_entropy(
            scores.transpose(1, 2), piece[:, 1:], reduction="none"
        ).sum(1)
        optimizer.zero_grad()
        loss.mean().backward()
        nn.utils.clip_grad_norm_(params, max_norm=1.0)
        optimizer.step()
        if step % 50 == 0 or step == 1:
            print(f"step {step} loss of a stroke {loss.mean().item() / (BAR * BARS - 1):.4f}")


main()
