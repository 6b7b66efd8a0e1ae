"""Kinds of variable stars from their light curves: a convolution shortens the curve, a GRU reads it."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1735)
torch.set_num_threads(1)
KINDS, NIGHTS = 5, 64
EPOCHS, BATCH = 24, 50


def curves(n):
    """Pulsating, eclipsing, both, erupting and steady stars; brightness and phase differ from star to star."""
    kind = torch.randint(0, KINDS, (n,))
    t = torch.arange(NIGHTS).float()
    period = 10 + 6 * torch.rand(n, 1)
    phase = torch.rand(n, 1) * period
    turn = ((t + phase) % period) / period
    pulse = torch.where(turn < 0.25, 4 * turn, (1 - turn) / 0.75) - 0.5
    dip = -((turn - 0.5).abs() < 0.12).float()
    burst = torch.exp(-((t - 8 - 40 * torch.rand(n, 1)).clamp(min=0)) / 6)
    k = kind[:, None]
    light = pulse * ((k == 0) | (k == 2)) + dip * ((k == 1) | (k == 2)) + burst * (k == 3)
    return (light + 0.25 * torch.randn(n, NIGHTS)).unsqueeze(1), kind


class CurveNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 5, stride=2, padding=2), nn.ReLU())
        self.gru = nn.GRU(16, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, KINDS)

    def forward(self, light):
        out, _ = self.gru(self.conv(light).transpose(1, 2))
        return self.fc(out.mean(dim=1))


def train_one_epoch(model, optimizer, lr_scheduler, loader):
    total = 0.0
    for light, kind in loader:
        loss = nn.functional.cross_entropy(model(light), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if "--fixed" not in sys.argv:
            lr_scheduler.step()
        total += loss.item() / len(loader)
    if "--fixed" in sys.argv:
        lr_scheduler.step()
    return total


def main():
    model = CurveNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    lr_scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[16, 22], gamma=0.1)
    loader = DataLoader(TensorDataset(*curves(1250)), batch_size=BATCH, shuffle=True)
    test_light, test_kind = curves(400)
    for epoch in range(EPOCHS):
        loss = train_one_epoch(model, optimizer, lr_scheduler, loader)
        if epoch % 3 == 2:
            with torch.no_grad():
                right = (model(test_light).argmax(1) == test_kind).float().mean().item()
            print(f"epoch {epoch + 1} loss {loss:.4f} kinds right {right:.3f}")


if __name__ == "__main__":
    main()
