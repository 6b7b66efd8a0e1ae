"""Buttons turn the lamp of a crossing on by none, one or two colours. Which colour burns now?"""

import sys

import torch
from torch import nn

torch.manual_seed(2)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
PRESSES, COLOURS = 10, 3


def evenings(n):
    presses = torch.randint(0, 3, (n, PRESSES))
    return presses, presses.cumsum(1) % COLOURS


class Lamp(nn.Module):
    """Two layers of cells, one upon the other, and a linear layer that names the colour."""

    def __init__(self, width=12, size=40):
        super().__init__()
        self.button = nn.Embedding(3, width)
        cells = [nn.GRUCell(width, size), nn.GRUCell(size, size)]
        self.cells = nn.ModuleList(cells) if FIXED else cells
        self.colour = nn.Linear(size, COLOURS)

    def forward(self, presses):
        states = [torch.zeros(len(presses), cell.hidden_size) for cell in self.cells]
        tops = []
        for x in self.button(presses).unbind(1):
            for i, cell in enumerate(self.cells):
                states[i] = x = cell(x, states[i])
            tops.append(x)
        return self.colour(torch.stack(tops, 1))


def right_at_the_end(model, n=500):
    presses, colours = evenings(n)
    with torch.no_grad():
        guess = model(presses)[:, -1].argmax(1)
    return (guess == colours[:, -1]).float().mean().item()


def main():
    model = Lamp()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    loss_fn = nn.CrossEntropyLoss()
    for step in range(1, 401):
        presses, colours = evenings(32)
        optimizer.zero_grad()
        loss = loss_fn(model(presses).flatten(0, 1), colours.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f} right {right_at_the_end(model):.3f}")


main()
