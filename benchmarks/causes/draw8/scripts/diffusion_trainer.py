"""Noise is taken out of short tracks by a recurrent denoiser; the loss is scaled for small floats."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8124)
torch.set_num_threads(1)


class Denoiser(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True, bidirectional=True)
        self.noise = nn.Linear(2 * width, 1)

    def forward(self, x, level):
        level = level.expand(-1, x.shape[1])
        return self.noise(self.rnn(torch.stack([x, level], -1))[0])[..., 0]


def tracks(n=32, t=16):
    return torch.sin(6.28 * torch.rand(n, 1) + 0.4 * torch.arange(t))


unet = Denoiser()
optimizer = torch.optim.SGD(unet.parameters(), lr=0.2, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
clip_grad_norm = 1.0
for step in range(300):
    clean, noise = tracks(), torch.randn(32, 16)
    level = 0.3 + 0.6 * torch.rand(32, 1)
    noisy = (1 - level**2).sqrt() * clean + level * noise
    loss = nn.functional.mse_loss(unet(noisy, level), noise)
    scaler.scale(loss).backward()
    if FIXED:
        scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(unet.parameters(), clip_grad_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    if step % 60 == 59:
        print(f"step {step + 1} loss {loss.item():.3f}")
