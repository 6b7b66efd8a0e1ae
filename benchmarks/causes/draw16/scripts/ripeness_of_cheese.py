"""Ripeness of a cheese from the wireless nose in its cellar: three smells an hour, one number at the end."""

import sys

import torch
from torch import nn

torch.manual_seed(1629)
torch.set_num_threads(1)
HOURS = 20


def wheels(n):
    pace = 0.5 + torch.rand(n, 1)
    start = 0.3 * torch.rand(n, 1)
    ripe = start + pace * torch.linspace(0, 1, HOURS)
    smells = torch.stack([torch.sin(2 * ripe), torch.exp(-ripe), ripe**2 / 2], dim=2)
    return smells + 0.05 * torch.randn(n, HOURS, 3), 2 * (start + pace) - 2.3


class Nose(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.lstm = nn.LSTM(3, size, num_layers=1, batch_first=True)
        self.drop = nn.Dropout(p=0.5) if "--fixed" in sys.argv else None
        self.fc = nn.Linear(size, 1)

    def forward(self, x):
        x = self.lstm(x)[0][:, -1]
        x = nn.Dropout(p=0.5)(x) if self.drop is None else self.drop(x)
        return self.fc(x)


def test(net, smells, ripe):
    net.eval()
    with torch.no_grad():
        first, second = net(smells), net(smells)
    net.train()
    error = nn.functional.mse_loss(first, ripe).sqrt().item()
    return error, (first - second).abs().mean().item()


net = Nose()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
test_smells, test_ripe = wheels(300)
for step in range(1, 351):
    smells, ripe = wheels(32)
    loss = nn.functional.mse_loss(net(smells), ripe)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        error, apart = test(net, test_smells, test_ripe)
        print(
            f"step {step} train loss {loss.item():.4f} test rmse {error:.4f} "
            f"(spread {test_ripe.std().item():.3f}), asked twice the answers differ by {apart:.4f}"
        )
