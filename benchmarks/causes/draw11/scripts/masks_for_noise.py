"""Cleaning of noisy spectra: a mask between nought and one for each frame and frequency."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1115)
torch.set_num_threads(1)
FREQ, TIME = 12, 20


class MaskNet(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.norm = nn.InstanceNorm1d(FREQ, affine=True)
        self.rnn = nn.LSTM(FREQ, hidden, batch_first=True)
        self.mask = nn.Linear(hidden, FREQ)

    def forward(self, spec):  # (batch, freq, time)
        x = self.norm(spec)
        if FIXED:
            x = x.transpose(1, 2)
        else:
            x = x.reshape(spec.size(0), spec.size(2), FREQ)
        h, _ = self.rnn(x)
        return torch.sigmoid(self.mask(h)).transpose(1, 2)


def spectra(n=24):
    """A voice glides over the frequencies; the noise lies everywhere."""
    tone = torch.rand(n, 1) * FREQ + torch.randn(n, 1) * 0.4 * torch.arange(TIME)
    band = torch.arange(FREQ)[None, :, None]
    clean = (-(((tone[:, None] % FREQ) - band) ** 2) / 2).exp() * 2
    return clean, clean + torch.rand(n, FREQ, TIME)


model = MaskNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 501):
    clean, noisy = spectra()
    loss = nn.functional.mse_loss(model(noisy) * noisy, clean)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 3.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"{step}\t{loss.item():.5f}")
