"""Diffusion on short melodies: the noise put in is told by convolutions that know how much it was."""

import math

import torch
from torch import nn

torch.manual_seed(9116)
torch.set_num_threads(1)
STEPS, T = 40, 16
betas = torch.linspace(1e-3, 0.12, STEPS)
alpha_bar = (1 - betas).cumprod(0)


class Denoiser(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.inp, self.out = nn.Conv1d(1, width, 3, padding=1), nn.Conv1d(width, 1, 3, padding=1)
        self.time = nn.Sequential(nn.Linear(8, width), nn.SiLU(), nn.Linear(width, width))
        self.mid = nn.ModuleList(
            [nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 4)]
        )

    def forward(self, x, t):
        angle = t[:, None] / STEPS * math.pi * 2.0 ** torch.arange(4)
        h = self.inp(x) + self.time(torch.cat([angle.sin(), angle.cos()], 1))[..., None]
        for conv in self.mid:
            h = h + conv(nn.functional.silu(h))
        return self.out(nn.functional.silu(h))


def melodies(n=32):
    pitch = 0.3 + 0.5 * torch.rand(n, 1)
    return (1.4 * torch.sin(pitch * torch.arange(T) + 6.28 * torch.rand(n, 1)))[:, None]


model = Denoiser()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
recent = []
for step in range(400):
    clean = melodies()
    t = torch.randint(0, STEPS, (32,))
    noise = torch.randn_like(clean)
    level = alpha_bar[t][:, None, None]
    noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
    loss = nn.functional.mse_loss(model(noisy, t), noise)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    recent.append(loss.item())
    if step % 80 == 79:
        print(f"step {step + 1} loss {sum(recent[-40:]) / 40:.4f}")
