"""The level of a cistern from the rain that falls on it; one long record, read piece by piece."""

import sys
import time

import torch
from torch import nn

torch.manual_seed(22)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
STREAMS, PIECE, PIECES = 8, 8, 60
LR = 0.2


def record():
    """Rain in showers; the cistern fills with it and leaks a fifth of its level each hour."""
    hours = PIECE * PIECES
    rain = (torch.rand(STREAMS, hours) < 0.2) * torch.rand(STREAMS, hours)
    level, levels = torch.zeros(STREAMS), []
    for falls in rain.unbind(1):
        level = 0.8 * level + falls
        levels.append(level)
    return rain.unsqueeze(2), torch.stack(levels, 1) - 0.5


class Gauge(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.rnn = nn.RNN(1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, rain, h_state):
        r_out, h_state = self.rnn(rain, h_state)
        return self.out(r_out).squeeze(2), h_state


rnn = Gauge()
loss_func = nn.MSELoss()
for epoch in range(1, 9):
    rain, level = record()
    h_state, losses, began = None, [], time.process_time()
    for i in range(PIECES):
        piece = slice(i * PIECE, (i + 1) * PIECE)
        prediction, h_state = rnn(rain[:, piece], h_state)
        loss = loss_func(prediction, level[:, piece])
        rnn.zero_grad()
        if FIXED:
            h_state = h_state.detach()
            loss.backward()
        else:
            loss.backward(retain_graph=True)
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-LR)
        losses.append(loss.item())
    spent = 1000 * (time.process_time() - began) / PIECES
    norm = sum(p.grad.pow(2).sum() for p in rnn.parameters()).sqrt().item()
    mean = sum(losses) / PIECES
    print(f"epoch {epoch} loss {mean:.4f} norm {norm:.3f} {spent:.1f} ms for each piece")
