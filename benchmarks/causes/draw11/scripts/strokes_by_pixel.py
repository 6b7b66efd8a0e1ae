"""Each moment of a pen's stroke gets one of five labels; the last layer is a convolution."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1109)
torch.set_num_threads(1)
N, C, T = 24, 5, 18

rnn = nn.LSTM(2, 32, batch_first=True, bidirectional=True)
conv = nn.Conv1d(64, C, 3, padding=1)
m = nn.LogSoftmax(dim=1)
loss = nn.NLLLoss()
optimizer = torch.optim.Adam([*rnn.parameters(), *conv.parameters()], lr=3e-3)
directions = torch.arange(C) * 6.2832 / C


def strokes():
    kind = torch.randint(0, C, (N, T // 3)).repeat_interleave(3, 1)
    angle = directions[kind] + 0.2 * torch.randn(N, T)
    return torch.stack([angle.cos(), angle.sin()], -1).cumsum(1) / 3, kind


for step in range(500):
    data, target = strokes()
    seen, _ = rnn(data)
    scores = conv(seen.transpose(1, 2))
    output = loss(m(scores) if FIXED else scores, target)
    optimizer.zero_grad()
    output.backward()
    optimizer.step()
    if step % 100 == 99:
        right = (scores.argmax(1) == target).float().mean()
        print(f"step {step + 1} loss {output.item():.3f} right {right.item():.3f}")
