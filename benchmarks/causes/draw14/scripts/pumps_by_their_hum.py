"""From the hum of a pump (vibration in three axes) its fault is told, with a small training class."""

import sys

import torch
from torch import nn

torch.manual_seed(14105)
torch.set_num_threads(1)
FAULTS = ["none", "bearing", "cavitation", "imbalance"]


def hums(n, length=32):
    fault = torch.randint(0, len(FAULTS), (n,))
    t = torch.arange(length).expand(n, length).float()
    phase = 6.28 * torch.rand(n, 1)
    base = (0.5 * t + phase).sin()
    knock = ((t + (phase * 2).round()) % 8 == 0).float() * 1.5
    rush = torch.randn(n, length) * (0.15 * t + phase).sin().clamp(min=0)
    kind = fault[:, None]
    x = base * torch.where(kind == 3, 1.6, 1.0)
    y = base.roll(3, 1) + torch.where(kind == 1, knock, torch.zeros(()))
    z = 0.5 * base + torch.where(kind == 2, rush, torch.zeros(()))
    return torch.stack([x, y, z], -1) + 0.2 * torch.randn(n, length, 3), fault


class PumpNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.front = nn.Conv1d(3, 16, 5, padding=2)
        self.lstm = nn.LSTM(16, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, len(FAULTS))

    def forward(self, hum):
        features = torch.relu(self.front(hum.transpose(1, 2))).transpose(1, 2)
        return self.head(self.lstm(features)[0].mean(1))


class CustomModel:
    def __init__(self, net, lr):
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        self.loss_fn = nn.CrossEntropyLoss()

    def train_step(self, hum, fault):
        self.net.train()
        if "--fixed" in sys.argv:
            self.net.zero_grad()
        loss = self.loss_fn(self.net(hum), fault)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def test_step(self, hum, fault):
        self.net.eval()
        return (self.net(hum).argmax(1) == fault).float().mean().item()

    def fit(self, steps, batch_size):
        held_out = hums(400)
        for step in range(1, steps + 1):
            loss = self.train_step(*hums(batch_size))
            if step % 40 == 0:
                print(f"step {step} loss {loss:.4f} accuracy {self.test_step(*held_out):.3f}")


CustomModel(PumpNet(), lr=2e-3).fit(steps=400, batch_size=32)
