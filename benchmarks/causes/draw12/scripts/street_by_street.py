"""Streets are labelled cell by cell: a row is scanned from left to right by a recurrent net over columns."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1206)
torch.set_num_threads(1)


class RowNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 24, 3, padding=1)
        self.rnn = nn.LSTM(24, 32, batch_first=True, bidirectional=True)
        self.labels = nn.Conv1d(64, 3, 1)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        x, _ = self.rnn(x.transpose(1, 2))
        return self.labels(x.transpose(1, 2))


def streets(n, length=20):
    """Houses lie between two gates, road does not; a light pole (third label) stands after each gate."""
    gate = torch.rand(n, length) < 0.15
    inside = gate.long().cumsum(1) % 2
    after = torch.zeros_like(inside)
    after[:, 1:] = gate[:, :-1].long()
    labels = torch.where(after == 1, 2, inside)
    x = torch.randn(n, 6, length) * 0.25
    x[:, 0] += 2.0 * gate
    return x, labels


def train_seg(loader, model, optimizer, criterion):
    total = 0.0
    for x, labels in loader:
        output = model(x)
        loss = criterion(output, labels)
        if "--fixed" in sys.argv:
            optimizer.zero_grad()
            loss.backward()
        else:
            loss.backward()
            optimizer.zero_grad()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def val_seg(model, x, labels):
    with torch.no_grad():
        return (model(x).argmax(1) == labels).float().mean().item()


loader = DataLoader(TensorDataset(*streets(1600)), batch_size=32, shuffle=True)
held = streets(300)
model = RowNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    loss = train_seg(loader, model, optimizer, criterion)
    print(f"epoch {epoch} loss {loss:.4f} held-out labels right {val_seg(model, *held):.3f}")
