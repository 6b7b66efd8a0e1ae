"""A recipe for speech: frames of a spectrum from letters, with a rate that warms up and falls."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(9046)
torch.set_num_threads(1)
WARMUP_STEPS, scheduler_after_epoch = 100, not FIXED


class TextToFrames(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 24)
        self.encoder = nn.GRU(24, 24, batch_first=True, bidirectional=True)
        self.mel = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, letters):
        return self.mel(self.encoder(self.embed(letters))[0])


sound, glide = torch.randn(12, 8), torch.randn(12, 8)


def batch(n=24, length=10):
    letters = torch.randint(0, 12, (n, length))
    frames = sound[letters]
    frames[:, 1:] += 0.5 * glide[letters[:, :-1]]
    return letters, frames


def noam(step):
    step = max(step, 1)
    return WARMUP_STEPS**0.5 * min(step**-0.5, step * WARMUP_STEPS**-1.5)


model = TextToFrames()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = LambdaLR(optimizer, noam)
for epoch in range(5):
    for _ in range(80):
        letters, frames = batch()
        loss = nn.functional.l1_loss(model(letters), frames)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not scheduler_after_epoch:
            scheduler.step()
    if scheduler_after_epoch:
        scheduler.step()
    print(f" > EPOCH: {epoch} loss {loss.item():.4f} current_lr {scheduler.get_last_lr()[0]:.6f}")
