"""A forger makes swings from noise and a critic tells them from real ones; each has an optimizer of its own."""

import torch
from torch import nn

torch.manual_seed(1234)
torch.set_num_threads(1)
STEPS, NOISE, ROWS = 12, 3, 48
clock = torch.linspace(-1, 1, STEPS).unsqueeze(-1)


class Forger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(NOISE + 1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, n=ROWS):
        noise = torch.randn(n, 1, NOISE).expand(n, STEPS, NOISE)
        out, _ = self.gru(torch.cat([noise, clock.expand(n, STEPS, 1)], -1))
        return torch.tanh(self.out(out))


class Critic(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True, bidirectional=True)
        self.real = nn.Linear(2 * size, 1)

    def forward(self, swing):
        out, _ = self.gru(torch.cat([swing, clock.expand_as(swing)], -1))
        return self.real(out).mean((1, 2))


def swings(n=ROWS):
    t = torch.arange(STEPS)
    wave = (0.4 + 0.2 * torch.rand(n, 1)) * torch.sin(0.6 * t + 0.3 * torch.randn(n, 1))
    return (wave + 0.1 + 0.08 * torch.randn(n, STEPS)).unsqueeze(-1)


forger, critic = Forger(), Critic()
forging = torch.optim.Adam(forger.parameters(), lr=1e-3, betas=(0.5, 0.9))
judging = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
bce = nn.functional.binary_cross_entropy_with_logits
ones, zeros = torch.ones(ROWS), torch.zeros(ROWS)
usual = swings(2000).mean(0)
for step in range(1, 801):
    real, fake = swings(), forger()
    judging.zero_grad()
    judged = bce(critic(real), 0.9 * ones) + bce(critic(fake.detach()), zeros)
    judged.backward()
    judging.step()
    forging.zero_grad()
    forged = bce(critic(forger()), ones)
    forged.backward()
    forging.step()
    if step % 100 == 0:
        with torch.no_grad():
            away = (forger(500).mean(0) - usual).abs().mean()
        print(
            f"step {step} critic {judged.item():.3f} forger {forged.item():.3f} mean off by {away:.3f}"
        )
