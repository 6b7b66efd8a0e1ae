"""Each window of a recording was slower than the one before. The error about a second pass had
been silenced with retain_graph, and the state of the last window still held its whole past."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8)
torch.set_num_threads(1)

steps = torch.arange(480)[:, None] * 0.2 + torch.rand(1, 12) * 6
signal = torch.stack([torch.sin(steps), torch.cos(0.37 * steps)], dim=-1)
signal = signal + 0.05 * torch.randn_like(signal)

rnn = nn.GRU(2, 24)
readout = nn.Linear(24, 2)
params = list(rnn.parameters()) + list(readout.parameters())
opt = torch.optim.Adam(params, lr=4e-3)
criterion = nn.MSELoss()

for epoch in range(40):
    hidden = torch.zeros(1, 12, 24)
    opt.zero_grad()
    total = 0.0
    for start in range(0, 470, 20):
        x = signal[start : start + 20]
        y = signal[start + 1 : start + 21]
        if len(y) < 20:
            break
        if FIXED:
            hidden = hidden.detach()
        out, hidden = rnn(x, hidden)
        loss = criterion(readout(out), y)
        loss.backward(retain_graph=not FIXED)
        total += loss.item()
    nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1} loss {total / 23:.4f}")
