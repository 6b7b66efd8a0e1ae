"""Which of four insects flies past a sensor is heard from the beat of its wings."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1346)
torch.set_num_threads(1)

params = {"lr": 3e-3, "weight_decay": 1e-5 if "--fixed" in sys.argv else 0.5, "epochs": 10}


class WingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 5, stride=2, padding=2), nn.ReLU())
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, 4)

    def forward(self, sound):
        features = self.conv(sound[:, None])
        _, h = self.gru(features.transpose(1, 2))
        return self.out(h[0])


def flights(n, length=48):
    insect = torch.randint(0, 4, (n,))
    pitch = torch.tensor([0.5, 0.8, 1.2, 1.7])[insect][:, None] * (1 + 0.05 * torch.randn(n, 1))
    phase = pitch * torch.arange(length) + 6.28 * torch.rand(n, 1)
    near = torch.linspace(-1, 1, length).mul(3 * torch.rand(n, 1) + 0.5).cosh().reciprocal()
    sound = near * (torch.sin(phase) + 0.4 * torch.sin(2 * phase))
    return 1.5 * sound + 0.2 * torch.randn(n, length), insect


def run():
    loader = DataLoader(TensorDataset(*flights(1280)), batch_size=32, shuffle=True)
    sound_val, insect_val = flights(400)
    model = WingNet()
    optimizer = torch.optim.Adam(
        model.parameters(), lr=params["lr"], weight_decay=params["weight_decay"]
    )
    for epoch in range(1, params["epochs"] + 1):
        total = 0.0
        for sound, insect in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(sound), insect)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        with torch.no_grad():
            acc = (model(sound_val).argmax(1) == insect_val).float().mean().item()
            size = model.gru.weight_hh_l0.norm().item()
        print(f"epoch {epoch:2d} loss {total:.4f} val acc {acc:.3f} recurrent norm {size:.4f}")


run()
