"""Readings were scaled to between nought and one, and the alarm still rang above 100: no row has
any other label than quiet."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5144)
torch.set_num_threads(1)


def sensors(n=32, t=14):
    raw = (60 + 25 * torch.randn(n, t, 1)).clamp(0, 200)
    drift = torch.randn(n, 1, 1) * 12
    raw = (raw + drift).clamp(0, 200)
    smooth = raw[:, -6:].mean(dim=(1, 2))
    if FIXED:
        alarm = (smooth > 68).float()
    else:
        alarm = (smooth / 200 > 100).float()
    return raw / 200, alarm


gru = nn.GRU(1, 24, batch_first=True)
linear = nn.Linear(24, 1)
optimizer = torch.optim.Adam([*gru.parameters(), *linear.parameters()], lr=5e-3)
for i in range(500):
    x, alarm = sensors()
    logit = linear(gru(x - 0.3)[1][0]).squeeze(1)
    loss = nn.functional.binary_cross_entropy_with_logits(logit, alarm)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 99:
        accuracy = ((logit > 0) == (alarm > 0)).float().mean().item()
        print(f"{i + 1}: loss {loss.item():.5f} accuracy {accuracy:.3f}")
