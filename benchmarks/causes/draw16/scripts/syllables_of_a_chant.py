"""Which of nine syllables is sung in each frame of a chant: convolution over time and an LSTM both ways."""

import sys

import torch
from torch import nn

torch.manual_seed(163208)
torch.set_num_threads(1)
BANDS, FRAMES, SYLLABLES = 16, 28, 9
SHAPES = torch.randn(SYLLABLES, BANDS)
WARMUP_STEPS = 60 if "--fixed" in sys.argv else 25000


def chants(n):
    """Syllables of two to six frames; a sung syllable glides over from the shape before it."""
    labels = torch.zeros(n, FRAMES, dtype=torch.long)
    sound = torch.randint(0, SYLLABLES, (n,))
    for t in range(FRAMES):
        change = torch.rand(n) < 0.25
        sound = torch.where(change, torch.randint(0, SYLLABLES, (n,)), sound)
        labels[:, t] = sound
    frames = SHAPES[labels]
    frames[:, 1:] = 0.6 * frames[:, 1:] + 0.4 * frames[:, :-1]
    return frames + 0.9 * torch.randn_like(frames), labels


class Acoustic(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(BANDS, width, 3, padding=1), nn.ReLU())
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(2 * width)
        self.out = nn.Linear(2 * width, SYLLABLES)

    def forward(self, frames):
        x = self.conv(frames.transpose(1, 2)).transpose(1, 2)
        return self.out(self.norm(self.lstm(x)[0]))


def noam(step):
    """Up in a line for the warm-up, then down with the root of the step."""
    step = step + 1
    return min(step / WARMUP_STEPS, (WARMUP_STEPS / step) ** 0.5)


model = Acoustic()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, noam)
test_frames, test_labels = chants(200)
for step in range(1, 351):
    frames, labels = chants(20)
    loss = nn.functional.cross_entropy(model(frames).transpose(1, 2), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_frames).argmax(-1) == test_labels).float().mean().item()
        print(
            f"step {step} lr {scheduler.get_last_lr()[0]:.2e} loss {loss.item():.3f} "
            f"frames right {right:.3f}"
        )
