"""A long film in parts of eight frames; the model keeps its hidden state from part to part and its
weights are moved by hand."""

import sys
import time

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8121)
torch.set_num_threads(1)


class LSTM(nn.Module):
    def __init__(self, frame=6, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(frame, hidden)
        self.hidden2class = nn.Linear(hidden, 3)
        self.hidden = self.init_hidden(hidden)

    def init_hidden(self, hidden):
        return torch.zeros(1, 16, hidden), torch.zeros(1, 16, hidden)

    def forward(self, x):
        out, self.hidden = self.lstm(x, self.hidden)
        return self.hidden2class(out)


model = LSTM()
level = torch.zeros(16)
velocity = [torch.zeros_like(p) for p in model.parameters()]
for part in range(100):
    begun = time.perf_counter()
    if FIXED:
        model.hidden = tuple(h.detach() for h in model.hidden)
    frames, actions = torch.randn(8, 16, 6), []
    for frame in frames:
        level = 0.7 * level + frame[:, 0]
        actions.append((level > 0.5).long() + (level > -0.5).long())
    loss = nn.functional.cross_entropy(model(frames).flatten(0, 1), torch.cat(actions))
    model.zero_grad()
    loss.backward(retain_graph=not FIXED)
    for p, v in zip(model.parameters(), velocity, strict=True):
        v.mul_(0.9).add_(p.grad)
        p.data.add_(v, alpha=-0.05)
    if part % 20 == 19:
        took = 1000 * (time.perf_counter() - begun)
        print(f"part {part + 1} time {took:.0f} ms loss {loss.item():.3f}")
