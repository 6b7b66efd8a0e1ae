"""Modes that turn and fade (a diagonal state space) learn an echo; their own parameters do not decay."""

import math

import torch
from torch import nn

torch.manual_seed(2210)
torch.set_num_threads(1)
LENGTH, WIDTH, DELAY = 64, 16, 20


class TurningModes(nn.Module):
    def __init__(self, width, modes=16):
        super().__init__()
        self.log_A_real = nn.Parameter(torch.full((width, modes), math.log(0.02)))
        angles = torch.linspace(0.02, math.pi / 2, modes).repeat(width, 1)
        self.A_imag = nn.Parameter(angles)
        self.C = nn.Parameter(torch.randn(width, modes, 2) / modes**0.5)
        self.D = nn.Parameter(torch.randn(width))
        for p in (self.log_A_real, self.A_imag):
            p._optim = {"lr": 1e-3, "weight_decay": 0.0}

    def forward(self, u):
        A = torch.complex(-self.log_A_real.exp(), self.A_imag)
        powers = torch.exp(A.unsqueeze(-1) * torch.arange(u.size(-1)))
        kernel = (torch.view_as_complex(self.C).unsqueeze(-1) * powers).sum(1).real
        n = 2 * u.size(-1)
        y = torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(kernel, n=n), n=n)
        return y[..., : u.size(-1)] + self.D.unsqueeze(-1) * u


class EchoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(1, WIDTH)
        self.modes = TurningModes(WIDTH)
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, u):
        y = self.modes(self.inp(u.unsqueeze(-1)).transpose(1, 2)).transpose(1, 2)
        return self.out(y).squeeze(-1)


def sounds(n=32):
    u = torch.randn(n, LENGTH + 4).unfold(1, 5, 1).mean(-1) * 2
    echo = torch.zeros_like(u)
    echo[:, DELAY:] = u[:, :-DELAY]
    return u, echo


model = EchoNet()
special = [p for p in model.parameters() if hasattr(p, "_optim")]
plain = [p for p in model.parameters() if not hasattr(p, "_optim")]
optimizer = torch.optim.AdamW(plain, lr=5e-3, weight_decay=0.05)
optimizer.add_param_group({"params": special, **special[0]._optim})
for step in range(1, 601):
    u, echo = sounds()
    loss = nn.functional.mse_loss(model(u), echo)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step} loss {loss.item():.4f}")
