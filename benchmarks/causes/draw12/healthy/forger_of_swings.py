"""A forger makes swings from noise and a critic tells them from real ones; each has an optimizer of its own."""

import torch
from torch import nn

torch.manual_seed(1234)
torch.set_num_threads(1)
STEPS, NOISE = 16, 4


class Forger(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(NOISE, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, noise):
        return torch.tanh(self.out(self.gru(noise)[0]))


class Critic(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.real = nn.Linear(size, 1)

    def forward(self, swing):
        return self.real(self.gru(swing)[0].mean(1)).squeeze(1)


def swings(n=48):
    t = torch.arange(STEPS)
    wave = (0.4 + 0.2 * torch.rand(n, 1)) * torch.sin(0.6 * t + 0.5 * torch.randn(n, 1))
    return (wave + 0.2).unsqueeze(-1) + 0.1 * torch.randn(n, STEPS, 1)


def noise(n=48):
    return torch.randn(n, 1, NOISE).repeat(1, STEPS, 1)


forger, critic = Forger(), Critic()
forging = torch.optim.Adam(forger.parameters(), lr=1e-3, betas=(0.5, 0.9))
judging = torch.optim.Adam(critic.parameters(), lr=5e-4, betas=(0.5, 0.9))
bce = nn.functional.binary_cross_entropy_with_logits
ones, zeros = torch.ones(48), torch.zeros(48)
usual = swings(2000).mean(0)
for step in range(1, 801):
    real, fake = swings(), forger(noise())
    judging.zero_grad()
    judged = bce(critic(real), 0.9 * ones) + bce(critic(fake.detach()), zeros)
    judged.backward()
    judging.step()
    forging.zero_grad()
    forged = bce(critic(forger(noise())), ones)
    forged.backward()
    forging.step()
    if step % 100 == 0:
        with torch.no_grad():
            away = (forger(noise(500)).mean(0) - usual).abs().mean()
        print(
            f"step {step} critic {judged.item():.3f} forger {forged.item():.3f} mean off by {away:.3f}"
        )
