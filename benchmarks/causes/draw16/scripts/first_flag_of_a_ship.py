"""Flags go up a mast among empty hoists; told from the whole watch is which of four flags went up first."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1621)
torch.set_num_threads(1)
FLAGS, HOISTS = 4, 14


def watches(n):
    """Hoist 0 is empty, 1 to 4 are flags; every watch starts with at least one empty hoist."""
    hoists = torch.randint(1, FLAGS + 1, (n, HOISTS)) * (torch.rand(n, HOISTS) < 0.45)
    hoists[:, 0], hoists[:, -1] = 0, torch.randint(1, FLAGS + 1, (n,))
    first = hoists.gt(0).float().argmax(1)
    return hoists, hoists[torch.arange(n), first] - 1


class EncoderBase(nn.Module):
    """Keeps states between calls, cut to as many rows as the batch has."""

    def __init__(self, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self._states = None

    def initial_states(self, batch_size):
        if self._states is None or len(self._states) < batch_size or "--fixed" in sys.argv:
            return torch.zeros(batch_size, self.hidden_size)
        return self._states[:batch_size]

    def update_states(self, states):
        self._states = states.detach()


class FlagEncoder(EncoderBase):
    def __init__(self, hidden_size=32):
        super().__init__(hidden_size)
        self.embed = nn.Embedding(FLAGS + 1, 12)
        self.cell = nn.GRUCell(12, hidden_size)
        self.head = nn.Linear(hidden_size, FLAGS)

    def forward(self, hoists):
        h = self.initial_states(len(hoists))
        for x in self.embed(hoists).unbind(1):
            h = self.cell(x, h)
        self.update_states(h)
        return self.head(h)


train = DataLoader(TensorDataset(*watches(1600)), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(*watches(320)), batch_size=32)
model = FlagEncoder()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 9):
    total = 0.0
    for hoists, first in train:
        loss = criterion(model(hoists), first)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in test) / 320
    print(f"epoch {epoch} loss {total / len(train):.4f} test right {right:.3f}")
