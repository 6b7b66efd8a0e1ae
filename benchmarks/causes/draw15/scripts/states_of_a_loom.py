"""A loom's accelerometer, cut into windows: is the loom stopped, idling, weaving, or has a thread snapped?"""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1549)
torch.set_num_threads(1)
SAMPLES, STATES = 64, 4


def recordings(n):
    """A stopped loom sends zeros, for the sensor sleeps; the other states differ in their beat."""
    state = torch.randint(0, STATES, (n,))
    state[torch.rand(n) < 0.2] = 1
    t = torch.arange(SAMPLES).float()
    beat = torch.tensor([0.0, 0.35, 0.9, 0.9])[state].unsqueeze(1)
    phase = torch.rand(n, 1) * 2 * math.pi
    gain = 0.5 + 2 * torch.rand(n, 1)
    wave = torch.sin(beat * t + phase)
    snapped = (state == 3).float().unsqueeze(1)
    wave = wave + 0.8 * snapped * torch.sin(0.5 * beat * t + 2 * phase)
    wave = gain * (wave + 0.3 * torch.randn(n, SAMPLES)) + torch.randn(n, 1)
    wave[state == 0] = 0.0
    return wave, state


class LoomWindows(Dataset):
    def __init__(self, n):
        self.wave, self.state = recordings(n)

    def __len__(self):
        return len(self.state)

    def __getitem__(self, i):
        wave = self.wave[i]
        std = wave.std()
        if "--fixed" in sys.argv:
            std = std.clamp(min=1e-3)
        return ((wave - wave.mean()) / std).unsqueeze(-1), self.state[i]


class LoomNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 8, stride=4)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, STATES)

    def forward(self, x):
        pieces = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        hidden, _ = self.gru(pieces)
        return self.out(hidden.mean(1))


train_loader = DataLoader(LoomWindows(1280), batch_size=32, shuffle=True)
test_loader = DataLoader(LoomWindows(320), batch_size=64)
model = LoomNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(1, 11):
    losses = []
    for x, state in train_loader:
        loss = nn.functional.cross_entropy(model(x), state)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        right = [(model(x).argmax(1) == state).float().mean().item() for x, state in test_loader]
    mean = sum(losses) / len(losses)
    print(f"epoch {epoch} loss {mean:.4f} test right {sum(right) / len(right):.3f}")
