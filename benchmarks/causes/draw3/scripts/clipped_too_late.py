"""Gradients of each parameter were limited when the step had been taken already."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

FIXED = "--fixed" in sys.argv
torch.manual_seed(32)
torch.set_num_threads(1)


class Onsets(nn.Module):
    """Which of the keys begins at which frame of a roll?"""

    def __init__(self, keys=8):
        super().__init__()
        self.conv = nn.Conv1d(keys, 24, 3, padding=1)
        self.lstm = nn.LSTM(24, 20, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(40, keys)

    def forward(self, roll):
        x = F.relu(self.conv(roll.transpose(1, 2))).transpose(1, 2)
        return self.fc(self.lstm(x)[0])


def rolls(n=12):
    down = (torch.rand(n, 16, 8) < 0.3).float()
    before = torch.cat([torch.zeros(n, 1, 8), down[:, :-1]], 1)
    onset = down * (1 - before)
    return down + 0.2 * torch.randn(n, 16, 8), onset


model = Onsets()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for i in range(250):
    roll, onset = rolls()
    loss = F.binary_cross_entropy_with_logits(model(roll), onset)
    optimizer.zero_grad()
    loss.backward()
    if not FIXED:
        optimizer.step()
    for parameter in model.parameters():
        clip_grad_norm_([parameter], 0.2)
    if FIXED:
        optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.4f}")
