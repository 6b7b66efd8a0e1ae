"""Calls of four kinds of bats, told apart by the way their pitch moves: convolution, then a GRU."""

import sys

import torch
from torch import nn

torch.manual_seed(1501)
torch.set_num_threads(1)
SAMPLES, KINDS = 192, 4


def calls(n):
    """Pitch rises, falls, rises then falls, or falls then rises; phase and pace differ."""
    kind = torch.randint(0, KINDS, (n,))
    t = torch.linspace(0, 1, SAMPLES)
    rise, bend = t.expand(n, -1), 1 - (2 * t - 1).abs().expand(n, -1)
    course = torch.stack((rise, 1 - rise, bend, 1 - bend), 1)[torch.arange(n), kind]
    pace = 0.9 + 0.2 * torch.rand(n, 1)
    phase = (pace * (0.15 + 0.75 * course)).cumsum(1) + 6.28 * torch.rand(n, 1)
    return (torch.sin(phase) + 0.2 * torch.randn(n, SAMPLES)).unsqueeze(1), kind


class BatNet(nn.Module):
    def __init__(self, channels=24, size=32):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 8, stride=4),
            nn.ReLU(),
            nn.Conv1d(16, channels, 4, stride=2),
            nn.ReLU(),
        )
        self.gru = nn.GRU(channels, size)
        self.out = nn.Linear(size, KINDS)

    def forward(self, sound):
        maps = self.features(sound)
        n, channels, frames = maps.shape
        if "--fixed" in sys.argv:
            frames_first = maps.permute(2, 0, 1)
        else:
            frames_first = maps.view(frames, n, channels)
        _, hidden = self.gru(frames_first)
        return self.out(hidden[-1])


model = BatNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 351):
    sound, kind = calls(32)
    loss = nn.functional.cross_entropy(model(sound), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            sound, kind = calls(200)
            right = (model(sound).argmax(1) == kind).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
