"""Forty spices told by how four sensors of an electronic nose answer to a sniff: an LSTM and its mean over time."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1607)
torch.set_num_threads(1)
SPICES, SENSORS, STEPS = 40, 4, 16


def sniffs(n, rise, fall, height):
    spice = torch.randint(0, SPICES, (n,))
    t = torch.arange(STEPS).view(1, STEPS, 1) / STEPS
    up = 1 - torch.exp(-t * rise[spice].unsqueeze(1))
    down = torch.exp(-t * fall[spice].unsqueeze(1))
    answer = height[spice].unsqueeze(1) * up * down
    return answer + 0.08 * torch.randn(n, STEPS, SENSORS), spice


class Nose(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(SENSORS, size, batch_first=True)
        self.fc = nn.Linear(size, SPICES)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        out, _ = self.lstm(x)
        scores = self.fc(out.mean(dim=1))
        if "--fixed" in sys.argv:
            return scores
        return self.softmax(scores)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def main():
    traits = (
        2 + 6 * torch.rand(SPICES, SENSORS),
        3 * torch.rand(SPICES, SENSORS),
        2 * torch.randn(SPICES, SENSORS),
    )
    train = DataLoader(TensorDataset(*sniffs(1920, *traits)), batch_size=32, shuffle=True)
    test = DataLoader(TensorDataset(*sniffs(400, *traits)), batch_size=200)
    model = Nose()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for epoch in range(1, 11):
        model.train()
        total = 0.0
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train):.4f} test right {accuracy(model, test):.3f}")


main()
