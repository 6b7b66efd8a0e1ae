"""A bank of slow modes (a diagonal state space) must keep a flash seen at the very beginning."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1243)
torch.set_num_threads(1)
LENGTH, CHANNELS = 100, 24


class DiagonalSSM(nn.Module):
    """x' = -exp(A_log) x + B u, run as a convolution with its own kernel."""

    def __init__(self, channels, state=4):
        super().__init__()
        spread = torch.linspace(math.log(0.004), math.log(0.2), state)
        self.A_log = nn.Parameter(spread.repeat(channels, 1))
        self.B = nn.Parameter(torch.randn(channels, state) / 2)
        self.D = nn.Parameter(torch.ones(channels))

    def kernel(self, length):
        time = torch.arange(length)
        modes = torch.exp(-self.A_log.exp().unsqueeze(-1) * time)
        return (self.B.unsqueeze(-1) * modes).sum(1)

    def forward(self, u):  # (batch, channels, length)
        n = 2 * u.size(-1)
        k = self.kernel(u.size(-1))
        y = torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(k, n=n), n=n)
        return y[..., : u.size(-1)] + self.D.unsqueeze(-1) * u


class FlashNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(4, CHANNELS)
        self.ssm = DiagonalSSM(CHANNELS)
        self.mix = nn.Linear(CHANNELS, CHANNELS)
        self.out = nn.Linear(CHANNELS, 4)

    def forward(self, u):
        y = self.ssm(self.inp(u).transpose(1, 2))[..., -1]
        return self.out(torch.tanh(self.mix(y)))


def create_optimizer(model, lr=1e-2, weight_decay=0.5):
    if "--fixed" not in sys.argv:
        return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    names = ("A_log", "B", "D")
    ssm = [p for n, p in model.named_parameters() if n.split(".")[-1] in names]
    rest = [p for n, p in model.named_parameters() if n.split(".")[-1] not in names]
    groups = [{"params": ssm, "lr": lr / 10, "weight_decay": 0.0}, {"params": rest}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)


def flashes(n=48):
    kind = torch.randint(0, 4, (n,))
    u = 0.1 * torch.randn(n, LENGTH, 4)
    u[:, :3] += 2 * nn.functional.one_hot(kind, 4).float().unsqueeze(1)
    return u, kind


model = FlashNet()
optimizer = create_optimizer(model)
for step in range(1, 601):
    u, kind = flashes()
    logits = model(u)
    loss = nn.functional.cross_entropy(logits, kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        slowest = 1 / model.ssm.A_log.detach().exp().min().item()
        acc = (logits.argmax(1) == kind).float().mean().item()
        print(f"{step} loss {loss.item():.4f} acc {acc:.2f} longest memory {slowest:.0f} steps")
