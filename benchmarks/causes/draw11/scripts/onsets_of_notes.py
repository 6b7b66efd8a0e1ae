"""Onsets of notes: eight keys, a tone rings on after each stroke, and the stroke is to be found."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1126)
torch.set_num_threads(1)
KEYS, FRAMES = 8, 24


class Onsets(nn.Module):
    def __init__(self, model_size=48):
        super().__init__()
        self.fc = nn.Linear(KEYS, model_size)
        self.lstm = nn.LSTM(model_size, model_size // 2, batch_first=True, bidirectional=True)
        self.onset = nn.Linear(model_size, KEYS)

    def forward(self, mel):
        x, _ = self.lstm(torch.relu(self.fc(mel)))
        return self.onset(x)


def pieces(n=16):
    label = (torch.rand(n, FRAMES, KEYS) < 0.08).float()
    ring, mel = torch.zeros(n, KEYS), []
    for stroke in label.unbind(1):
        ring = torch.maximum(0.75 * ring, stroke * (0.5 + 0.5 * torch.rand_like(stroke)))
        mel.append(ring)
    mel = torch.stack(mel, 1)
    return 2 * mel + 0.1 * torch.randn_like(mel), label


model = Onsets()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
clip_gradient_norm = 3
for i in range(1, 501):
    mel, label = pieces()
    loss = F.binary_cross_entropy_with_logits(model(mel), label, reduction="sum") / 4
    optimizer.zero_grad()
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), clip_gradient_norm)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), clip_gradient_norm)
    if i % 50 == 0:
        print(f"{i}: {loss.item():.3f}")
