"""Curves are turned into a short code and back; the two halves have an optimizer each."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1106)
torch.set_num_threads(1)


class E(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.code = nn.Linear(32, code)

    def forward(self, curve):
        return self.code(self.lstm(curve)[1][0][-1])


class D(nn.Module):
    def __init__(self, code=6, t=20):
        super().__init__()
        self.t = t
        self.lstm = nn.LSTM(code, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, code):
        return self.out(self.lstm(code[:, None].repeat(1, self.t, 1))[0])


def curves(n=32, t=20):
    when = torch.linspace(0, 3, t)
    a, b = torch.randn(n, 1), torch.randn(n, 1)
    return (a * when.sin() + 0.7 * b * (2 * when).cos())[..., None]


netE, netD = E(), D()
optimizer_E = torch.optim.Adam(netE.parameters(), lr=3e-3)
optimizer_D = torch.optim.Adam(netD.parameters(), lr=3e-3)
running = 0.0
for step in range(1, 601):
    real = curves()
    optimizer_E.zero_grad()
    if FIXED:
        optimizer_D.zero_grad()
    loss = (netD(netE(real)) - real).abs().mean()
    loss.backward()
    optimizer_E.step()
    optimizer_D.step()
    running += loss.item()
    if step % 60 == 0:
        print(f"step {step}: L1 {running / 60:.4f}")
        running = 0.0
