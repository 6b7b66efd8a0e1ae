"""Phones of short recordings, frame by frame: a convolution over time and an LSTM both ways."""

import sys

import torch
from torch import nn

torch.manual_seed(1532)
torch.set_num_threads(1)
PHONES, FRAMES, MELS = 10, 24, 12
WARMUP_STEPS = 60 if "--fixed" in sys.argv else 25000
sound = torch.randn(PHONES, MELS)


def recordings(n):
    onset = torch.rand(n, FRAMES) < 0.3
    place = (onset.cumsum(1) - onset[:, :1].long()).clamp(max=FRAMES - 1)
    phone = torch.randint(0, PHONES, (n, FRAMES)).gather(1, place)
    return sound[phone] + 0.9 * torch.randn(n, FRAMES, MELS), phone


class Acoustic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(MELS, size, 3, padding=1)
        self.norm = nn.LayerNorm(size)
        self.lstm = nn.LSTM(size, size, batch_first=True, bidirectional=True)
        self.phone = nn.Linear(2 * size, PHONES)

    def forward(self, mels):
        x = self.norm(self.conv(mels.transpose(1, 2)).transpose(1, 2)).relu()
        return self.phone(self.lstm(x)[0])


class WarmupDecay:
    """Rises in a straight line for so many steps, then falls with the root of the step."""

    def __init__(self, optimizer, size, warmup_n_steps, factor=0.3):
        self.optimizer = optimizer
        self.base = factor * size**-0.5
        self.warmup = warmup_n_steps
        self.n = 0

    def step(self):
        self.n += 1
        rate = self.base * min(self.n**-0.5, self.n * self.warmup**-1.5)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()


model = Acoustic()
optimizer = WarmupDecay(
    torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, 0.98), eps=1e-9), 32, WARMUP_STEPS
)
for step in range(1, 351):
    mels, phone = recordings(32)
    loss = nn.functional.cross_entropy(model(mels).transpose(1, 2), phone)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            mels, phone = recordings(200)
            error = (model(mels).argmax(-1) != phone).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} phone error rate {error:.3f}")
