"""Losses are scaled for the sake of small gradients, and the limit is laid on the scaled gradients.
Once they are scaled back, next to nothing is left of any step."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6109)
torch.set_num_threads(1)

MAX_NORM = 2.0


class Denoiser(nn.Module):
    def __init__(self, channels=3, hidden=32):
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.out = nn.Linear(hidden, channels)

    def forward(self, x):
        return self.out(self.gru(x)[0])


def pictures(n=24, rows=16):
    level = torch.randn(n, 1, 3)
    clean = level + 0.6 * torch.sin(torch.arange(rows) * 0.7)[None, :, None]
    return clean + 0.8 * torch.randn(n, rows, 3), clean


class DiffusersTrainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14, growth_interval=10_000)

    def step(self, noisy, clean):
        loss = (self.model(noisy) - clean).square().mean()
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if FIXED:
            self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()


trainer = DiffusersTrainer(Denoiser())
history = []
for global_step in range(350):
    history.append(trainer.step(*pictures()))
    if (global_step + 1) % 70 == 0:
        print(f"steps: {global_step + 1} loss: {sum(history[-35:]) / 35:.4f}")
