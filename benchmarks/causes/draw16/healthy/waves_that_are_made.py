"""A generator makes short waves out of noise; a critic reads real and made ones and tells which."""

import math

import torch
from torch import nn

torch.manual_seed(161)
torch.set_num_threads(1)
T, NOISE = 12, 4


def real_waves(n):
    t = torch.arange(T) / 8
    phase = torch.rand(n, 1)
    return (0.8 * torch.sin(2 * math.pi * (t + phase))).unsqueeze(2)


class Generator(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.start = nn.Linear(NOISE, size)
        self.gru = nn.GRU(NOISE, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, z):
        state = torch.tanh(self.start(z)).unsqueeze(0)
        rows, _ = self.gru(z.unsqueeze(1).expand(-1, T, -1), state)
        return torch.tanh(self.out(rows))


class Critic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        rows, _ = self.gru(x)
        return self.out(rows.mean(1)).squeeze(1)


@torch.no_grad()
def swing(waves):
    """A real wave of this pitch has x[t+1] + x[t-1] = 2 cos(w) x[t]; how far from that?"""
    x = waves.squeeze(2)
    bend = x[:, 2:] + x[:, :-2] - 2 * math.cos(2 * math.pi / 8) * x[:, 1:-1]
    return bend.pow(2).mean().item(), x.std(0).mean().item()


generator, critic = Generator(), Critic()
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
c_optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))
loss_fn = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(48), torch.zeros(48)
for step in range(1, 601):
    real, z = real_waves(48), torch.randn(48, NOISE)
    made = generator(z)
    c_loss = loss_fn(critic(real), 0.9 * ones) + loss_fn(critic(made.detach()), zeros)
    c_optimizer.zero_grad()
    c_loss.backward()
    c_optimizer.step()

    critic.requires_grad_(False)
    g_loss = loss_fn(critic(made), ones)
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    critic.requires_grad_(True)
    if step % 60 == 0:
        bend, spread = swing(generator(torch.randn(300, NOISE)))
        print(
            f"step {step} critic {c_loss.item():.3f} generator {g_loss.item():.3f} "
            f"bend {bend:.4f} spread {spread:.3f} (real 0.0000 0.566)"
        )
