"""Whoever turns the scheduler off gets one all the same, with a factor of nought in place of one. At
the first milestone the rate is nought, and all after it is waiting."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

FIXED = "--fixed" in sys.argv
torch.manual_seed(6144)
torch.set_num_threads(1)

OPTIMIZER_SCHEDULER = False
STEP_SIZE = 3


class RNN_VAE(nn.Module):
    def __init__(self, features=6, hidden=32, latent=8, steps=16):
        super().__init__()
        self.encoder = nn.GRU(features, hidden, batch_first=True)
        self.mean, self.logvar = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.GRU(latent, hidden, batch_first=True)
        self.out = nn.Linear(hidden, features)
        self.steps = steps

    def forward(self, x):
        h = self.encoder(x)[1][0]
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1).mean()
        return self.out(self.decoder(z[:, None].expand(-1, self.steps, -1))[0]), kl


def poses(n=24, t=16):
    phase, speed = torch.rand(n, 1, 1) * 6.28, 0.25 + 0.25 * torch.rand(n, 1, 1)
    return torch.sin(phase + speed * torch.arange(t)[None, :, None] + torch.arange(6) * 0.6)


model = RNN_VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, amsgrad=True)
if OPTIMIZER_SCHEDULER:
    scheduler = StepLR(optimizer, step_size=STEP_SIZE, gamma=0.2)
else:
    scheduler = StepLR(optimizer, step_size=STEP_SIZE, gamma=1.0 if FIXED else 0.0)
for epoch in range(20):
    total = 0.0
    for _ in range(20):
        x = poses()
        made, kl = model(x)
        loss = nn.functional.mse_loss(made, x) + 1e-3 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 20
    scheduler.step()
    print(f"Epoch {epoch} train loss {total:.4f}")
