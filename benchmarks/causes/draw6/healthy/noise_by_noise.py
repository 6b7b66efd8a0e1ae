"""How much noise is in it, and which? A network for sequences learns to take noise away, at all
strengths; its loss is noisy for that very reason."""

import torch
from torch import nn

torch.manual_seed(6226)
torch.set_num_threads(1)


class Noise(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
        self.inp = nn.Linear(1, width)
        self.rnn = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, 1)

    def forward(self, x, t):
        h = torch.nn.functional.silu(self.inp(x) + self.time(t)[:, None])
        return self.out(self.rnn(h)[0])


def waves(n=32, steps=16):
    at = 6.28 * torch.rand(n, 1) + 0.4 * torch.arange(steps)
    return at.sin()[..., None]


model = Noise()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
recent = []
for step in range(350):
    x, t = waves(), torch.rand(32, 1)
    noise = torch.randn_like(x)
    level = torch.cos(1.5 * t)[..., None]
    mixed = level * x + (1 - level**2).sqrt() * noise
    loss = nn.functional.mse_loss(model(mixed, t), noise)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    recent.append(loss.item())
    if step % 70 == 69:
        print(f"step {step + 1} loss {sum(recent[-35:]) / 35:.4f}")
