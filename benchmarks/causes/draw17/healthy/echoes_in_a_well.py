"""Three springs of an instrument, struck at times, ring on: a diagonal state space layer learns to follow them."""

import torch
from torch import nn

torch.manual_seed(17301)
torch.set_num_threads(1)
LENGTH, CHANNELS, STATES = 128, 8, 4


def strikes(n):
    """Strikes are rare; each spring rings with a time of its own, and what is heard is their sum."""
    struck = (torch.rand(n, LENGTH) < 0.06).float() * (0.5 + torch.rand(n, LENGTH))
    t = torch.arange(LENGTH).float()
    ring = sum(
        torch.exp(-t / s) * torch.cos(6.28 * t / p) for s, p in ((60, 24.0), (25, 11.0), (8, 50.0))
    )
    heard = torch.fft.irfft(
        torch.fft.rfft(struck, 2 * LENGTH) * torch.fft.rfft(ring, 2 * LENGTH), 2 * LENGTH
    )
    return struck.unsqueeze(2), heard[:, :LENGTH]


class DiagonalSSM(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(1, CHANNELS)
        self.log_rate = nn.Parameter(
            torch.log(torch.logspace(-2, -0.5, STATES)).repeat(CHANNELS, 1)
        )
        self.turn = nn.Parameter(torch.rand(CHANNELS, STATES) * 0.8)
        self.c = nn.Parameter(torch.randn(CHANNELS, STATES, 2) * 0.4)
        self.skip = nn.Parameter(torch.ones(CHANNELS))
        self.mix = nn.Linear(CHANNELS, 1)

    def forward(self, struck):
        u = self.inp(struck).transpose(1, 2)
        t = torch.arange(LENGTH).float()
        fade = torch.exp(-torch.exp(self.log_rate).unsqueeze(-1) * t)
        angle = self.turn.unsqueeze(-1) * t
        wave = self.c[..., :1] * angle.cos() + self.c[..., 1:] * angle.sin()
        kernel = (fade * wave).sum(1)
        y = torch.fft.irfft(
            torch.fft.rfft(u, 2 * LENGTH) * torch.fft.rfft(kernel, 2 * LENGTH), 2 * LENGTH
        )
        y = y[..., :LENGTH] + self.skip[:, None] * u
        return self.mix(y.transpose(1, 2)).squeeze(-1)


def main():
    model = DiagonalSSM()
    own = [model.log_rate, model.turn, model.skip]
    rest = [model.c, *model.inp.parameters(), *model.mix.parameters()]
    groups = [
        {"params": rest, "weight_decay": 0.01},
        {"params": own, "lr": 2e-3, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=5e-3)
    for step in range(1, 601):
        struck, heard = strikes(16)
        loss = (model(struck) - heard).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 60 == 0:
            with torch.no_grad():
                struck, heard = strikes(100)
                left = ((model(struck) - heard).square().mean() / heard.var()).item()
            print(f"step {step} loss {loss.item():.4f} share left {left:.4f}")


if __name__ == "__main__":
    main()
