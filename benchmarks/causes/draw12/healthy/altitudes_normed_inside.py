"""Metres, pascals and seconds of a glider come as they are; the model brings them to scale itself."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2208)
torch.set_num_threads(1)


class GliderNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.to_scale = nn.BatchNorm1d(3)
        self.lstm = nn.LSTM(3, size, batch_first=True)
        self.out = nn.Linear(size, 3)

    def forward(self, flight):
        x = self.to_scale(flight.transpose(1, 2)).transpose(1, 2)
        return self.out(self.lstm(x)[0][:, -1])


def flights(n, length=30):
    """Does the glider circle upwards, sink, or go up and down in waves?"""
    kind = torch.randint(0, 3, (n, 1))
    time = torch.arange(length) * 20.0 + 3600 * torch.rand(n, 1)
    way = torch.linspace(0, 1, length) - 0.5
    height = 1500 + 120 * torch.randn(n, 1)
    height = height + torch.where(kind == 0, 250.0, -100.0) * way
    waves = 120 * torch.sin(18 * way + 6.28 * torch.rand(n, 1))
    height = height + torch.where(kind == 2, waves, 0.2 * waves) + 8 * torch.randn(n, length)
    pressure = 101325 * (1 - 2.2558e-5 * height) ** 5.256 + 60 * torch.randn(n, length)
    return torch.stack([height, pressure, time], -1), kind.squeeze(1)


loader = DataLoader(TensorDataset(*flights(1200)), batch_size=32, shuffle=True, drop_last=True)
flight_test, kind_test = flights(400)
model = GliderNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 16):
    model.train()
    total = 0.0
    for flight, kind in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(flight), kind)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item() / len(loader)
    model.eval()
    with torch.no_grad():
        acc = (model(flight_test).argmax(1) == kind_test).float().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4f} test acc {acc:.3f}")
