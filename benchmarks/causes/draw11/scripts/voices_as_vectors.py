"""Eight speakers by their pitch and colour: a GRU over the frames, then a layer for the speaker."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1120)
torch.set_num_threads(1)
FRAMES, HIDDEN, SPEAKERS = 24, 24, 8


class VoiceVector(nn.Module):
    def __init__(self):
        super().__init__()
        self.prenet = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.gru = nn.GRU(16, HIDDEN, batch_first=True)
        self.speaker = nn.Linear(HIDDEN, SPEAKERS)

    def forward(self, x):
        out, _ = self.gru(self.prenet(x))  # (n, t, h)
        out = out[:, -1, :] if FIXED else out[..., -1]  # (n, h)
        return self.speaker(out)


def voices(n=32):
    who = torch.randint(0, SPEAKERS, (n,))
    pitch = 0.25 + 0.35 * (who % 4).float()[:, None]
    second = 0.4 + 0.8 * (who // 4).float()[:, None]
    t = torch.arange(FRAMES)
    a, b = pitch * t + 6.28 * torch.rand(n, 1), second * t + 6.28 * torch.rand(n, 1)
    x = torch.stack([a.sin(), a.cos(), b.sin(), b.cos()], -1)
    return x + 0.2 * torch.randn_like(x), who


model = VoiceVector()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
correct = 0
for step in range(1, 501):
    x, who = voices()
    logits = model(x)
    loss = criterion(logits, who)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    correct += int((logits.argmax(-1) == who).sum())
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} accuracy {correct / 1600:.3f}")
        correct = 0
