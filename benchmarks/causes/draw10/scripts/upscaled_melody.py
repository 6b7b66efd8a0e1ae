"""A coarse melody made fine; the rate is to fall once, half way through the epochs."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(10036)
torch.set_num_threads(1)
EPOCHS, PER_EPOCH = 8, 60


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, num_layers=2, batch_first=True)
        self.fine = nn.Linear(32, 4)

    def forward(self, coarse):
        return self.fine(self.gru(coarse)[0]).flatten(1)


def melodies(n=32, bars=10):
    t = torch.arange(bars * 4) / 4.0
    speed, shift = 0.4 + torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    fine = torch.sin(speed * t + shift)
    coarse = fine.view(n, bars, 4)
    return torch.stack([coarse[..., 0], coarse[..., 3]], -1), fine


netG = Generator()
optimizerG = torch.optim.Adam(netG.parameters(), lr=3e-3)
schedulerG = StepLR(optimizerG, step_size=EPOCHS // 2, gamma=0.1)
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for _ in range(PER_EPOCH):
        coarse, fine = melodies()
        netG.zero_grad()
        loss = nn.functional.l1_loss(netG(coarse), fine)
        loss.backward()
        optimizerG.step()
        if not FIXED:
            schedulerG.step()
        total += loss.item()
    if FIXED:
        schedulerG.step()
    print(
        f"[{epoch}/{EPOCHS}] loss {total / PER_EPOCH:.4f} lr {optimizerG.param_groups[0]['lr']:.1e}"
    )
