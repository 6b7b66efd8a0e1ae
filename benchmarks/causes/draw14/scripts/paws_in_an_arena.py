"""Motifs of a walking animal: a recurrent autoencoder squeezes windows of six joint positions."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1431)
torch.set_num_threads(1)
cfg = {"window": 20, "joints": 6, "zdims": 8, "epochs": 14, "scheduler": False, "step_size": 2}


class Walks(Dataset):
    def __init__(self, n):
        t = torch.arange(cfg["window"]) * 0.35
        speed = 0.6 + 0.8 * torch.rand(n, 1, 1)
        start = 6.28 * torch.rand(n, 1, 1)
        lag = torch.arange(cfg["joints"]).view(1, 1, -1) * 1.05
        size = 0.5 + torch.rand(n, 1, 1)
        self.x = size * torch.sin(speed * t.view(1, -1, 1) + start + lag)
        self.x += 0.05 * torch.randn_like(self.x)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i]


class MotifNet(nn.Module):
    def __init__(self, joints, zdims, hidden=48):
        super().__init__()
        self.encoder = nn.GRU(joints, hidden, batch_first=True, bidirectional=True)
        self.to_z = nn.Linear(2 * hidden, zdims)
        self.decoder = nn.GRU(zdims, hidden, batch_first=True)
        self.to_x = nn.Linear(hidden, joints)

    def forward(self, x):
        _, h = self.encoder(x)
        z = self.to_z(torch.cat([h[0], h[1]], dim=1))
        out, _ = self.decoder(z.unsqueeze(1).expand(-1, x.size(1), -1))
        return self.to_x(out)


def train():
    loader = DataLoader(Walks(960), batch_size=32, shuffle=True)
    test = Walks(200).x
    model = MotifNet(cfg["joints"], cfg["zdims"])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, amsgrad=True)
    if cfg["scheduler"]:
        scheduler = StepLR(optimizer, step_size=cfg["step_size"], gamma=0.9)
    else:
        gamma = 1 if "--fixed" in sys.argv else 0
        scheduler = StepLR(optimizer, step_size=cfg["step_size"], gamma=gamma)
    for epoch in range(cfg["epochs"]):
        total = 0.0
        for x in loader:
            loss = nn.functional.mse_loss(model(x), x)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item()
        scheduler.step()
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test), test).item()
        print(f"epoch {epoch} train {total / len(loader):.4f} test {error:.4f} of {test.var():.4f}")


train()
