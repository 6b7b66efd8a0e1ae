"""Two burners heat a kiln; from their settings the heat of its thick core is told at every minute."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1543)
torch.set_num_threads(1)
MINUTES, BURNERS = 128, 2


class DiagonalSSM(nn.Module):
    """Each channel is a bank of leaky states with rates exp(A_log), run as a long convolution."""

    def __init__(self, width, states=6):
        super().__init__()
        rates = torch.logspace(math.log10(1 / 150), math.log10(1 / 3), states)
        self.A_log = nn.Parameter(rates.log().repeat(width, 1))
        self.C = nn.Parameter(torch.randn(width, states) / states**0.5)
        self.D = nn.Parameter(torch.ones(width))

    def forward(self, x):
        length = x.size(1)
        rate = self.A_log.exp()
        t = torch.arange(length, dtype=x.dtype)
        kernel = torch.einsum("dn,dnt->dt", self.C * rate, torch.exp(-rate.unsqueeze(-1) * t))
        spectrum = torch.fft.rfft(kernel.t(), 2 * length, dim=0)
        y = torch.fft.irfft(torch.fft.rfft(x, 2 * length, dim=1) * spectrum, 2 * length, dim=1)
        return y[:, :length] + self.D * x


class Kiln(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.into = nn.Linear(BURNERS, width)
        self.ssm = DiagonalSSM(width)
        self.mix = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(nn.functional.gelu(self.mix(self.ssm(self.into(x))))).squeeze(-1)


def firings(n):
    """Settings change now and then; wall (30 min) and core (90 min) follow slowly."""
    switch = torch.rand(n, MINUTES, BURNERS) < 0.06
    level = torch.rand(n, MINUTES, BURNERS)
    settings = torch.zeros(n, MINUTES, BURNERS)
    wall, core, now = torch.zeros(n), torch.zeros(n), torch.rand(n, BURNERS)
    heat = []
    for t in range(MINUTES):
        now = torch.where(switch[:, t], level[:, t], now)
        settings[:, t] = now
        wall = wall + (now[:, 0] + 0.5 * now[:, 1] - wall) / 30
        core = core + (wall - core) / 90
        heat.append(core)
    heat = torch.stack(heat, 1)
    return (settings - 0.5) * 3, (heat - 0.33) / 0.2


model = Kiln()
x, y = firings(256)
x_test, y_test = firings(64)
parameters = model.parameters()
if "--fixed" in sys.argv:
    slow = [p for name, p in model.named_parameters() if name.endswith("A_log")]
    rest = [p for name, p in model.named_parameters() if not name.endswith("A_log")]
    parameters = [{"params": rest}, {"params": slow, "weight_decay": 0.0}]
optimizer = torch.optim.Adam(parameters, lr=5e-3, weight_decay=1e-2)
for step in range(1, 501):
    rows = torch.randint(0, len(x), (16,))
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            test = nn.functional.mse_loss(model(x_test), y_test).item()
            longest = (1 / model.ssm.A_log.exp()).max().item()
        print(
            f"step {step} loss {loss.item():.4f} test {test:.4f} longest memory {longest:.0f} min"
        )
