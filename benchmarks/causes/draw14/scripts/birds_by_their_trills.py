"""Spectra of trills, seven species: convolution, an LSTM and a weighted mean over time."""

import sys

import torch
from torch import nn

torch.manual_seed(1426)
torch.set_num_threads(1)
SPECIES, FRAMES, BANDS = 7, 40, 16
device = "cpu"
low = torch.randint(0, 6, (SPECIES,))
speed = torch.linspace(0.2, 1.1, SPECIES)


def trills(n):
    kind = torch.randint(0, SPECIES, (n,))
    time = torch.arange(FRAMES) + 6 * torch.rand(n, 1)
    pitch = low[kind, None] + 5 + 4 * torch.sin(time * speed[kind, None])
    spectra = torch.exp(-0.5 * (torch.arange(BANDS) - pitch.unsqueeze(-1)) ** 2)
    return spectra + 0.2 * torch.randn(n, FRAMES, BANDS), kind


class TrillNet(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.conv = nn.Conv1d(BANDS, 32, 5, stride=2, padding=2)
        self.lstm = nn.LSTM(32, size, batch_first=True)
        self.weight = nn.Linear(size, 1)
        self.out = nn.Linear(size, SPECIES)

    def forward(self, spectra):
        x = torch.relu(self.conv(spectra.transpose(1, 2))).transpose(1, 2)
        x, _ = self.lstm(x)
        weights = self.weight(x).softmax(dim=1)
        return self.out((weights * x).sum(1))


model = TrillNet().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler(device)
for step in range(1, 401):
    spectra, kind = trills(32)
    optimizer.zero_grad()
    with torch.autocast(device, enabled=device != "cpu"):
        loss = nn.functional.cross_entropy(model(spectra), kind)
    scaler.scale(loss).backward()
    if "--fixed" in sys.argv:
        scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    scaler.step(optimizer)
    scaler.update()
    if step % 50 == 0:
        with torch.no_grad():
            spectra, kind = trills(300)
            right = (model(spectra).argmax(1) == kind).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} species right {right:.3f}")
