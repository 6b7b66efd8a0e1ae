"""A wire carries noise and two marks (X or Y each); which two, and in which order, is told at its end."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14102)
torch.set_num_threads(1)
LENGTH, SYMBOLS = 20, 8


class MergeLayer(nn.Module):
    """Gives the input to each of its layers and sets their last outputs side by side."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers) if "--fixed" in sys.argv else list(layers)

    def forward(self, x):
        return torch.cat([layer(x)[1][-1] for layer in self.layers], dim=-1)


class WireReader(nn.Module):
    def __init__(self, size=20):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, 8)
        self.merge = MergeLayer(nn.GRU(8, size, batch_first=True) for _ in range(2))
        self.classify = nn.Linear(2 * size, 4)

    def forward(self, wire):
        return self.classify(self.merge(self.embed(wire)))


def wires(n):
    wire = torch.randint(2, SYMBOLS, (n, LENGTH))
    first = torch.randint(1, LENGTH // 2 - 2, (n,))
    second = torch.randint(LENGTH // 2, LENGTH - 4, (n,))
    marks = torch.randint(0, 2, (n, 2))
    rows = torch.arange(n)
    wire[rows, first], wire[rows, second] = marks[:, 0], marks[:, 1]
    return wire, 2 * marks[:, 0] + marks[:, 1]


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.loss_fn = nn.CrossEntropyLoss()

    def epoch(self, loader):
        total = 0.0
        for wire, label in loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(wire), label)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)

    @torch.no_grad()
    def accuracy(self, wire, label):
        return (self.model(wire).argmax(1) == label).float().mean().item()


if __name__ == "__main__":
    loader = DataLoader(TensorDataset(*wires(1280)), batch_size=32, shuffle=True)
    held_out = wires(500)
    trainer = Trainer(WireReader(), lr=4e-3)
    for epoch in range(1, 13):
        loss = trainer.epoch(loader)
        if epoch % 2 == 0:
            print(f"epoch {epoch} loss {loss:.4f} accuracy {trainer.accuracy(*held_out):.3f}")
