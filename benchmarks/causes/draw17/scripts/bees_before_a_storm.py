"""Bees before a storm: from ten counts at the hive's door, how many minutes till the storm? GRU, forward half only."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1746)
torch.set_num_threads(1)
WEIGHT_DECAY = 1e-5 if "--fixed" in sys.argv else 0.5


def hives(n):
    minutes = 2 * torch.rand(n, 1) - 1
    t = torch.linspace(0, 1, 10)
    flying = torch.tanh(3 * (t - 0.5 - 0.4 * minutes))
    busy = 0.5 * torch.randn(n, 1)
    counts = torch.stack([flying + busy, flying - busy], dim=2)
    return counts + 0.1 * torch.randn(n, 10, 2), minutes


class HiveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 24, batch_first=True)
        self.fc = nn.Linear(24, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[0][:, -1])


loader = DataLoader(TensorDataset(*hives(960)), batch_size=24, shuffle=True)
val_x, val_y = hives(200)
model = HiveNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=WEIGHT_DECAY)
for epoch in range(1, 11):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        guess = model(val_x)
        val = nn.functional.mse_loss(guess, val_y).item()
    print(
        f"epoch {epoch} loss {loss.item():.4f} val {val:.4f} guesses spread {guess.std().item():.4f}"
    )
