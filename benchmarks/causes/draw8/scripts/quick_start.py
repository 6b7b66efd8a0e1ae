"""Two functions, one to train and one to test, take turns over sixty epochs; the signals come as they
were measured, and a layer of the model brings them to one scale."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(8128)
torch.set_num_threads(1)


class NeuralNetwork(nn.Module):
    def __init__(self, channels=3, width=24):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.rnn = nn.GRU(channels, width, batch_first=True)
        self.stack = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x):
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return self.stack(self.rnn(x)[0][:, -1])


def signals(n):
    x = torch.randn(n, 14, 3)
    rise = x[..., 1].sum(1)
    y = (rise > -1.6).long() + (rise > 1.6).long()
    return TensorDataset(1000 + 100 * x, y)


def train(loader, model, loss_fn, optimizer):
    if FIXED:
        model.train()
    total = 0.0
    for X, y in loader:
        loss = loss_fn(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    return total


def test(loader, model):
    model.eval()
    with torch.no_grad():
        right = sum((model(X).argmax(1) == y).sum().item() for X, y in loader)
    return right / len(loader.dataset)


train_dataloader = DataLoader(signals(512), batch_size=128, shuffle=True)
test_dataloader = DataLoader(signals(400), batch_size=200)
model = NeuralNetwork()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for t in range(60):
    loss = train(train_dataloader, model, nn.CrossEntropyLoss(), optimizer)
    right = test(test_dataloader, model)
    if t % 10 == 9:
        print(f"Epoch {t + 1} loss {loss:.3f} test {right:.2f}")
