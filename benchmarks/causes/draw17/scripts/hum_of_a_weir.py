"""The hum of a weir, one endless record in short windows: an RNN carries its state on and foretells the next value."""

import math
import sys
import time

import torch
from torch import nn

torch.manual_seed(1722)
torch.set_num_threads(1)
WINDOW, STREAMS, LR = 6, 8, 0.15

t = torch.arange(0, 300 * WINDOW + 1).float()
phase = 2 * math.pi * torch.rand(STREAMS, 1)
hum = torch.sin(0.35 * t + phase) + 0.5 * torch.sin(0.91 * t + 2 * phase)
hum = hum + 0.05 * torch.randn_like(hum)


class HumRNN(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.hidden = hidden
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def init_hidden(self, batch):
        return torch.zeros(1, batch, self.hidden)

    def forward(self, x, hidden):
        out, hidden = self.rnn(x, hidden)
        return self.out(out), hidden


model = HumRNN(24)
criterion = nn.MSELoss()
hidden = model.init_hidden(STREAMS)
began, running = time.time(), 0.0
for step in range(1, 301):
    at = (step - 1) * WINDOW
    x = hum[:, at : at + WINDOW].unsqueeze(2)
    y = hum[:, at + 1 : at + WINDOW + 1].unsqueeze(2)
    if "--fixed" in sys.argv:
        hidden = hidden.detach()
    model.zero_grad()
    out, hidden = model(x, hidden)
    loss = criterion(out, y)
    if "--fixed" in sys.argv:
        loss.backward()
    else:
        loss.backward(retain_graph=True)
    for p in model.parameters():
        p.data.add_(p.grad.data, alpha=-LR)
    running += loss.item()
    if step % 20 == 0:
        spent = (time.time() - began) / 20
        print(f"step {step} loss {running / 20:.4f} {1000 * spent:.1f} ms a step")
        began, running = time.time(), 0.0
