"""Which of seven bells rings in each frame of a recording: convolution over the spectrogram, then a GRU."""

import sys

import torch
import torch.nn.functional as F
from torch import nn, optim

torch.manual_seed(1615)
torch.set_num_threads(1)
BANDS, FRAMES, BELLS = 16, 20, 7
pitch = torch.rand(BELLS, BANDS).pow(3) * 1.5


def recordings(n):
    """A bell is struck now and then, fades while it is on, and another takes its place."""
    bell = torch.randint(0, BELLS, (n,))
    loud = torch.ones(n)
    frames, bells = [], []
    for _ in range(FRAMES):
        strike = torch.rand(n) < 0.3
        bell = torch.where(strike, torch.randint(0, BELLS, (n,)), bell)
        loud = torch.where(strike, torch.ones(n), 0.8 * loud)
        frames.append(loud.unsqueeze(1) * pitch[bell])
        bells.append(bell)
    sound = torch.stack(frames, dim=2) + 0.25 * torch.randn(n, BANDS, FRAMES)
    return sound.unsqueeze(1), torch.stack(bells, dim=1)


class Listener(nn.Module):
    def __init__(self, channels=8, size=40):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, channels, 3, stride=(2, 1), padding=1),
            nn.Hardtanh(0, 4),
            nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1),
            nn.Hardtanh(0, 4),
        )
        self.rnn = nn.GRU(channels * BANDS // 4, size, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * size, BELLS)

    def forward(self, spectrogram):
        feat = self.conv(spectrogram)
        batch, channels, bands, frames = feat.size()
        if "--fixed" in sys.argv:
            feat = feat.permute(0, 3, 1, 2)
        feat = feat.contiguous().view(batch, frames, channels * bands)
        out, _ = self.rnn(feat)
        return self.fc(out)


def evaluate(model):
    model.eval()
    with torch.no_grad():
        sound, bells = recordings(200)
        right = (model(sound).argmax(-1) == bells).float().mean().item()
    model.train()
    return right


model = Listener()
opt = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
for it in range(1, 401):
    sound, bells = recordings(24)
    logits = model(sound)
    loss = F.cross_entropy(logits.reshape(-1, BELLS), bells.reshape(-1))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if it % 40 == 0:
        print(f"iteration {it:4d} loss {loss.item():.4f} frames right {evaluate(model):.3f}")
