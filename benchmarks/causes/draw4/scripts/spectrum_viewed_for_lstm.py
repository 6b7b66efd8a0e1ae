"""Convolution over a spectrum, then an LSTM over its frames. Channels and frames changed places
by view, so that a frame of the LSTM was a piece of one channel."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(405)
torch.set_num_threads(1)
FRAMES, BINS, SPEAKERS = 16, 20, 4
profiles = torch.rand(SPEAKERS, BINS)


class AudioNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.blstm = nn.LSTM(8 * BINS, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, SPEAKERS)

    def forward(self, spec):
        x = F.relu(self.bn1(self.conv1(spec)))
        x = F.relu(self.bn2(self.conv2(x)))  # (B, C, T, F)
        if FIXED:
            x = x.permute(0, 2, 1, 3).reshape(spec.size(0), FRAMES, -1)
        else:
            x = x.view(spec.size(0), FRAMES, -1)
        x, _ = self.blstm(x)
        return self.fc(x)


def mixture(n=12):
    who = torch.randint(0, SPEAKERS, (n, FRAMES))
    level = 0.5 + torch.rand(n, FRAMES, 1)
    spec = profiles[who] * level + 0.4 * torch.randn(n, FRAMES, BINS)
    return spec.unsqueeze(1), who


net = AudioNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(220):
    net.train()
    spec, who = mixture()
    out = net(spec)
    loss = F.cross_entropy(out.reshape(-1, SPEAKERS), who.reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 55 == 54:
        net.eval()
        with torch.no_grad():
            spec, who = mixture(60)
            acc = (net(spec).argmax(-1) == who).float().mean().item()
        print(step + 1, "loss", round(loss.item(), 3), "frames right", round(acc, 3))
