"""Swells of the sea are made up by a recurrent net, and a second one learns to tell them from true ones."""

import torch
from torch import nn

torch.manual_seed(14152)
torch.set_num_threads(1)
LENGTH, BATCH, NOISE, BLUR = 12, 48, 4, 0.3


def true_swells(n):
    t = torch.arange(LENGTH).float()
    height = 0.4 + 0.4 * torch.rand(n, 1)
    return (height * (0.6 * t + 6.28 * torch.rand(n, 1)).sin())[..., None]


class Maker(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.start = nn.Linear(NOISE, size)
        self.gru = nn.GRU(NOISE, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, noise):
        # one draw of noise for the whole swell, given at each step as well
        steps = noise[:, None].expand(-1, LENGTH, -1)
        state = torch.tanh(self.start(noise))[None]
        return torch.tanh(self.out(self.gru(steps, state)[0]))


class Judge(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.out = nn.Sequential(nn.Linear(size, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))

    def forward(self, swell):
        # both kinds are blurred alike, so that the judge can't go by the finest traits
        blurred = swell + BLUR * torch.randn_like(swell)
        return self.out(self.gru(blurred)[0].mean(1)).squeeze(1)


def roughness(swells):
    """A true swell obeys x[t+1] + x[t-1] = 2 cos(0.6) x[t]; how far from it on average."""
    x = swells[..., 0]
    wanted = 2 * torch.cos(torch.tensor(0.6)) * x[:, 1:-1]
    return (x[:, 2:] + x[:, :-2] - wanted).abs().mean().item()


maker, judge = Maker(), Judge()
maker_optimizer = torch.optim.Adam(maker.parameters(), lr=1e-3, betas=(0.5, 0.9))
judge_optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3, betas=(0.5, 0.9))
for step in range(1, 401):
    swells, noise = true_swells(BATCH), torch.randn(BATCH, NOISE)
    made = maker(noise)

    judged_true, judged_made = judge(swells), judge(made.detach())
    judge_loss = ((judged_true - 1) ** 2).mean() + (judged_made**2).mean()
    judge_optimizer.zero_grad()
    judge_loss.backward()
    judge_optimizer.step()

    maker_loss = ((judge(made) - 1) ** 2).mean()
    maker_optimizer.zero_grad()
    maker_loss.backward()
    maker_optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            fake = maker(torch.randn(400, NOISE))
        print(
            f"step {step} judge {judge_loss.item():.4f} maker {maker_loss.item():.4f} "
            f"roughness {roughness(fake):.3f} spread {fake.std().item():.3f}"
        )
print(
    f"true swells: roughness {roughness(true_swells(400)):.3f} spread {true_swells(400).std().item():.3f}"
)
