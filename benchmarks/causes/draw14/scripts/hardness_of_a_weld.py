"""The hardness of a weld is to be told from current, voltage and speed along its seam."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(14111)
torch.set_num_threads(1)


class Welds(Dataset):
    def __init__(self, n, length=20, seed=0):
        gen = torch.Generator().manual_seed(seed)
        noise = torch.randn(n, length, 3, generator=gen)
        level = torch.rand(n, 1, 3, generator=gen) - 0.5
        self.X = 2 * level + 0.3 * noise
        heat, memory = torch.zeros(n), torch.zeros(n)
        for t in range(length):
            current, voltage, speed = self.X[:, t].unbind(1)
            heat = 0.8 * heat + 0.2 * (current + voltage - speed)
            memory = 0.9 * memory + 0.1 * heat.tanh()
        self.y = (memory - memory.mean()) / memory.std()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class SimpleRNNNetwork(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.RNN(3, size, num_layers=2, batch_first=True)
        self.fc = nn.Sequential(nn.Linear(size, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, X):
        return self.fc(self.rnn(X)[0][:, -1])


class SimpleRNNRegressor:
    def __init__(self, num_epochs=12, batch_size=32, lr=2e-3):
        self.num_epochs, self.batch_size = num_epochs, batch_size
        self.network = SimpleRNNNetwork()
        self.criterion = lambda y_pred, y: ((y_pred - y) ** 2).mean()
        self.optimizer = torch.optim.NAdam(self.network.parameters(), lr=lr)

    def _run_epoch(self, dataloader):
        losses = []
        for X, y in dataloader:
            y_pred = self.network(X)
            if "--fixed" in sys.argv:
                y_pred = y_pred.squeeze(-1)
            loss = self.criterion(y_pred, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def fit(self, train, test):
        dataloader = DataLoader(train, batch_size=self.batch_size, shuffle=True)
        for epoch in range(1, self.num_epochs + 1):
            loss = self._run_epoch(dataloader)
            rmse = (self.predict(test.X) - test.y).square().mean().sqrt().item()
            print(f"epoch {epoch} loss {loss:.4f} test error {rmse:.3f}")

    @torch.no_grad()
    def predict(self, X):
        return self.network(X).squeeze(-1)


SimpleRNNRegressor().fit(Welds(1280), Welds(300, seed=1))
