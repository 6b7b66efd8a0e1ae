"""Worn, sound or starved: engines by pascals, kelvins and turns, scaled by the model itself."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(143)
torch.set_num_threads(1)
STEPS = 24


class Scaled(nn.Module):
    """Holds mean and spread of the training data as buffers, so that files can be fed raw."""

    def __init__(self, example):
        super().__init__()
        self.register_buffer("mean", example.mean((0, 1)))
        self.register_buffer("std", example.std((0, 1)))

    def forward(self, x):
        return (x - self.mean) / self.std


class Engine(nn.Module):
    def __init__(self, example, hidden=32):
        super().__init__()
        self.scaled = Scaled(example)
        self.rnn = nn.LSTM(example.size(-1), hidden, batch_first=True)
        self.head = nn.Linear(hidden, 3)

    def forward(self, x):
        out, _ = self.rnn(self.scaled(x))
        return self.head(out.mean(1))


def engines(n):
    kind = torch.randint(3, (n,))
    turns = 3000 + 300 * torch.randn(n, 1) + 100 * torch.randn(n, STEPS).cumsum(1)
    pressure = 101325 + 20 * (turns - 3000) + 3000 * torch.randn(n, STEPS)
    heat = 620 + 0.02 * (turns - 3000) + 6 * torch.randn(n, STEPS)
    t = torch.linspace(0, 1, STEPS)
    heat = heat + 12 * t * (kind == 0)[:, None]
    pressure = pressure - 5000 * t.sin() * (kind == 2)[:, None]
    return torch.stack([pressure, heat, turns], 2), kind


x_train, y_train = engines(1600)
x_test, y_test = engines(500)
model = Engine(x_train)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 11):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    model.eval()
    with torch.no_grad():
        right = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} right {right:.3f}")
