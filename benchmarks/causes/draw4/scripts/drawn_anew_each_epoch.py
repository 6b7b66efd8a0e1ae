"""The weights were drawn in the method for one epoch. What an epoch had taught was gone when the
next began."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(431)
torch.set_num_threads(1)


class NeuralNetwork:
    def __init__(self):
        self.rnn = nn.GRU(4, 32, num_layers=2, batch_first=True)
        self.fc = nn.Linear(32, 6)
        self.parameters = [*self.rnn.parameters(), *self.fc.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=4e-3)
        self.init_weights()

    def init_weights(self):
        for p in self.parameters:
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)
            else:
                nn.init.zeros_(p)

    def calculate(self, x):
        return self.fc(self.rnn(x)[0][:, -1])

    def train(self, loader, max_epochs):
        for epoch in range(max_epochs):
            if not FIXED:
                self.init_weights()
            squared = 0.0
            for x, y in loader:
                loss = nn.functional.cross_entropy(self.calculate(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                squared += loss.item() / len(loader)
            print(f"epoch {epoch + 1}: loss {squared:.4f}, last batch {loss.item():.4f}")


code = torch.randint(0, 6, (480, 2))
signal = 0.5 * torch.randn(480, 10, 4)
signal[:, 1, :3] += (code[:, :1] - 2.5) * torch.tensor([1.0, -1.0, 0.5])
signal[:, 6, :3] += (code[:, 1:] - 2.5) * torch.tensor([0.5, 1.0, -1.0])
target = code.amax(1)
NeuralNetwork().train(
    DataLoader(TensorDataset(signal, target), batch_size=16, shuffle=True), max_epochs=12
)
