"""Ripples in a basin: a recurrent generator makes ripples out of noise, a Wasserstein critic tells how far they are off."""

import torch
from torch import nn

torch.manual_seed(17208)
torch.set_num_threads(1)
LENGTH, NOISE = 20, 6


def ripples(count):
    """Damped waves of several periods that start at any phase."""
    t = torch.arange(LENGTH).float()
    period = 6 + 4 * torch.rand(count, 1)
    phase = 6.283 * torch.rand(count, 1)
    return torch.exp(-0.05 * t) * torch.sin(6.283 * t / period + phase)


class Maker(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.begin = nn.Linear(NOISE, width)
        self.rnn = nn.GRU(NOISE, width, batch_first=True)
        self.height = nn.Linear(width, 1)

    def forward(self, noise):
        steady = noise.unsqueeze(1).expand(-1, LENGTH, -1)
        return self.height(self.rnn(steady, torch.tanh(self.begin(noise)).unsqueeze(0))[0]).squeeze(
            2
        )


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(LENGTH, 64),
            nn.LeakyReLU(0.2),
            nn.Linear(64, 64),
            nn.LeakyReLU(0.2),
            nn.Linear(64, 1, bias=False),
        )

    def forward(self, wave):
        return self.net(wave).squeeze(1)


def slope_penalty(critic, real, made):
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * made).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


def shape(wave):
    """What a damped wave fulfils: the spread at each time and the likeness of neighbours and of half a period."""
    likeness = [(wave[:, lag:] * wave[:, : LENGTH - lag]).mean() for lag in (1, 2, 4, 8)]
    return torch.cat([wave.std(dim=0), torch.stack(likeness)])


maker, critic = Maker(), Critic()
maker_optimizer = torch.optim.Adam(maker.parameters(), lr=5e-4, betas=(0.5, 0.9))
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
aim = shape(ripples(4096))
for step in range(1, 401):
    for _ in range(4):
        real = ripples(64)
        with torch.no_grad():
            made = maker(torch.randn(64, NOISE))
        distance = critic(real).mean() - critic(made).mean()
        critic_loss = 10 * slope_penalty(critic, real, made) - distance
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    critic.requires_grad_(False)
    maker_loss = -critic(maker(torch.randn(64, NOISE))).mean()
    maker_optimizer.zero_grad()
    maker_loss.backward()
    maker_optimizer.step()
    critic.requires_grad_(True)
    if step % 40 == 0:
        with torch.no_grad():
            off = (shape(maker(torch.randn(2048, NOISE))) - aim).abs().mean()
        print(
            f"step {step} distance {distance.item():.3f} critic {critic_loss.item():.3f} "
            f"maker {maker_loss.item():.3f} shape off by {off.item():.3f}"
        )
